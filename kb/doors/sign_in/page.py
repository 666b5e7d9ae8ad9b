"""The sign-in pages as HTML. Nothing that was typed gets in unescaped."""

from __future__ import annotations

from functools import cache
from html import escape
from pathlib import Path
from string import Template
from urllib.parse import urlencode

from kb.doors.sign_in.form import Form
from kb.i18n import say
from kb.people import accounts
from kb.people.users import SAMPLES

FIRST_ACCOUNT = "python -m kb user add NAME --role admin"
NAMES = {"zh": "中文", "en": "English"}
TAGS = {"zh": "zh-CN", "en": "en"}


@cache
def _template() -> Template:
    return Template((Path(__file__).parent / "page.html").read_text("utf-8"))


def page(form: Form) -> str:
    """The page that this form asks for."""
    title, fields, below = _parts(form)
    other = "en" if form.language == "zh" else "zh"
    problem = f'<p class="bad" role="alert">{escape(form.problem)}</p>' if form.problem else ""
    return _template().substitute(
        lang=TAGS[form.language],
        title=escape(title),
        message=problem,
        action=_path(form),
        next=escape(form.destination),
        hl=form.hl,
        fields=fields,
        below=below,
        other_link=escape(_link(form, _path(form), hl=other, change=form.changing)),
        other_lang=TAGS[other],
        other_name=NAMES[other],
    )


def _parts(form: Form) -> tuple[str, str, str]:
    """Title, what is in the form, what is below it."""
    if form.setting_up:
        below = _soft_link(form, say(form.language, "sign_in.back_to_demo"))
        return say(form.language, "sign_in.set_up"), _set_up(form), below
    if form.demo:
        return say(form.language, "sign_in.demo_title"), _samples(form), _company(form) + _end_of_demo(form)
    title = say(form.language, "sign_in.change_title" if form.changing else "sign_in.title")
    other = say(form.language, "sign_in.back" if form.changing else "sign_in.change")
    return title, _fields(form), _company(form) + _soft_link(form, other, change=not form.changing)


def _path(form: Form) -> str:
    return "/set-up" if form.setting_up else "/sign-in"


def _link(form: Form, path: str, *, hl: str, change: bool = False) -> str:
    asked = {"next": form.destination} | ({"hl": hl} if hl else {}) | ({"change": "1"} if change else {})
    return f"{path}?{urlencode(asked)}"


def _soft_link(form: Form, text: str, *, change: bool = False) -> str:
    link = escape(_link(form, "/sign-in", hl=form.hl, change=change))
    return f'<p class="soft"><a href="{link}">{escape(text)}</a></p>'


def _company(form: Form) -> str:
    if not form.company:
        return ""
    link = escape(f"/sign-in/oidc?{urlencode({'next': form.destination})}")
    return f'<p><a class="second" href="{link}">{escape(say(form.language, "sign_in.company"))}</a></p>'


# --- the demo and its end ------------------------------------------------------------------------


def _samples(form: Form) -> str:
    hint = f"<p>{escape(say(form.language, 'sign_in.demo_hint'))}</p>"
    buttons = [
        f'<button name="sample" value="{id}"{" autofocus" if number == 0 else ""}>'
        f"{escape(say(form.language, f'sign_in.as_{id}'))}</button>"
        for number, id in enumerate(SAMPLES)
    ]
    return "\n".join([hint, *buttons])


def _end_of_demo(form: Form) -> str:
    language, link = form.language, escape(_link(form, "/set-up", hl=form.hl))
    here = f'<a href="{link}">{escape(say(language, "sign_in.set_up_link"))}</a>'
    return (
        f'<p class="soft">{escape(say(language, "sign_in.demo_end"))} {here}</p>'
        f'<p class="soft">{escape(say(language, "sign_in.or_typed"))}<br><code>{FIRST_ACCOUNT}</code></p>'
    )


def _set_up(form: Form) -> str:
    language = form.language
    labels = [
        _label(say(language, "sign_in.name"), _name(form)),
        _label(
            say(language, "sign_in.shown"), f'<input name="shown" value="{escape(form.shown)}" autocomplete="name">'
        ),
        _label(say(language, "sign_in.own_password", least=accounts.SHORTEST), _new_password("password")),
        _label(say(language, "sign_in.again"), _new_password("again")),
    ]
    hint = f"<p>{escape(say(language, 'sign_in.set_up_hint'))}</p>"
    return "\n".join([hint, *labels, _button(say(language, "sign_in.set_up_button"))])


# --- name and password ---------------------------------------------------------------------------


def _fields(form: Form) -> str:
    language = form.language
    password = '<input name="password" type="password" autocomplete="current-password" required'
    password += f"{' autofocus' if form.name else ''}>"
    labels = [_label(say(language, "sign_in.name"), _name(form)), _label(say(language, "sign_in.password"), password)]
    if form.changing:
        said = say(language, "sign_in.new_password", least=accounts.SHORTEST)
        labels += [_label(said, _new_password("new")), '<input type="hidden" name="change" value="1">']
    return "\n".join([*labels, _button(say(language, "sign_in.button"))])


def _name(form: Form) -> str:
    focus = "" if form.name else " autofocus"
    return (
        f'<input name="name" value="{escape(form.name)}" autocomplete="username" autocapitalize="none"'
        f' spellcheck="false" required{focus}>'
    )


def _new_password(name: str) -> str:
    return f'<input name="{name}" type="password" autocomplete="new-password" minlength="{accounts.SHORTEST}" required>'


def _label(text: str, field: str) -> str:
    return f"<label>{escape(text)}{field}</label>"


def _button(text: str) -> str:
    return f"<button>{escape(text)}</button>"
