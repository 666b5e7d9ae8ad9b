"""Tables of questions and answers, Word documents and single pages of HTML."""

from __future__ import annotations

import base64
import io
import zipfile
from pathlib import Path

import pytest

from kb.content.articles import parse
from kb.errors import KBError
from tests.studio.test_media import picture
from tests.studio.transfer.packs import body_of, only, planned

W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
R = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
KINDS = (
    '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Default Extension="png" ContentType="image/png"/>'
    '<Override PartName="/word/document.xml" '
    'ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/></Types>'
)
TOP = (
    '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
    f'<Relationship Id="r1" Type="{R}/officeDocument" Target="word/document.xml"/></Relationships>'
)
PICTURE = (
    '<w:drawing><wp:inline xmlns:wp="http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing">'
    '<wp:docPr id="1" name="p" descr="lamp"/><a:graphic xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main">'
    '<a:graphicData uri="p"><pic:pic xmlns:pic="http://schemas.openxmlformats.org/drawingml/2006/picture"><pic:blipFill>'
    f'<a:blip xmlns:r="{R}" r:embed="p1"/></pic:blipFill></pic:pic></a:graphicData></a:graphic></wp:inline></w:drawing>'
)


def paragraph(inside: str, style: str = "") -> str:
    kept = f'<w:pPr><w:pStyle w:val="{style}"/></w:pPr>' if style else ""
    return f"<w:p>{kept}<w:r>{inside}</w:r></w:p>"


def text(words: str) -> str:
    return f"<w:t>{words}</w:t>"


def docx(body: str, before: str = "", target: str = "media/p.png", mode: str = "") -> bytes:
    """A Word document of this body, with a lamp it may show."""
    out = io.BytesIO()
    links = TOP.replace('Id="r1"', 'Id="p1"').replace('officeDocument"', 'image"' + mode)
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", KINDS)
        archive.writestr("_rels/.rels", TOP)
        archive.writestr("word/_rels/document.xml.rels", links.replace("word/document.xml", target))
        archive.writestr("word/document.xml", f'{before}<w:document xmlns:w="{W}"><w:body>{body}</w:body></w:document>')
        archive.writestr("word/media/p.png", picture())
    return out.getvalue()


def test_a_word_document_with_its_picture_and_table(tmp_path: Path) -> None:
    cell = "<w:tc>{}</w:tc>".format
    table = f"<w:tbl><w:tr>{cell(paragraph(text('Bank')))}{cell(paragraph(text('Days')))}</w:tr>"
    table += f"<w:tr>{cell(paragraph(text('ICBC')))}{cell(paragraph(text('3')))}</w:tr></w:tbl>"
    raw = docx(paragraph(text("退款时效"), "Heading1") + paragraph(text("一般三天到账。")) + table + paragraph(PICTURE))
    row = only(planned({"refund-policy/时效.docx": raw}, tmp_path))
    assert (row.outcome, row.title, row.path) == ("new", "退款时效", "refund-policy/tui-kuan-shi-xiao-zh.md")
    assert body_of(row) == (
        f"一般三天到账。\n\n| Bank | Days |\n| --- | --- |\n| ICBC | 3 |\n\n![lamp](../_media/{row.papers[0].name})"
    )
    assert row.papers[0].read() == picture()


BOMB = (
    '<!DOCTYPE d [<!ENTITY a "'
    + "x" * 100
    + '">'
    + "".join(f'<!ENTITY {chr(98 + n)} "{("&" + chr(97 + n) + ";") * 10}">' for n in range(9))
    + "]>"
)
BAD_DOCUMENTS = {
    "no zip": b"\xd0\xcf\x11\xe0 an old .doc",
    "a zip of something else": docx("")[:50],
    "XML that laughs": docx(paragraph(text("&j;")), BOMB),
    "XML without end": docx("<w:p>"),
    "no text": docx(""),
    "nested without end": docx("<w:tbl><w:tr><w:tc>" * 3_000 + "</w:tc></w:tr></w:tbl>" * 3_000),
    "too much": docx(paragraph(text("word " * 1_000_000))),
}


@pytest.mark.parametrize("name", BAD_DOCUMENTS)
def test_a_hostile_document_is_refused_and_the_rest_imported(tmp_path: Path, name: str) -> None:
    rows = {
        row.origin: row
        for row in planned({"bad.docx": BAD_DOCUMENTS[name], "good.md": "# Good\n\nYes."}, tmp_path).rows
    }
    assert rows["good.md"].outcome == "new"
    assert (rows["bad.docx"].outcome, isinstance(rows["bad.docx"].error, KBError)) == ("refused", True)


def test_a_document_reads_no_file_of_the_machine(tmp_path: Path) -> None:
    secret = tmp_path / "secret.png"
    secret.write_bytes(picture(size=(9, 9)))
    body = paragraph(text("Words.")) + paragraph(PICTURE.replace("r:embed", "r:link"))
    raw = docx(body, target=secret.as_uri(), mode=' TargetMode="External')
    row = only(planned({"a.docx": raw}, tmp_path / "articles"))
    assert row.papers == ()


def test_a_table_of_questions_and_answers(tmp_path: Path) -> None:
    said = "一般三天到账。,refund-policy"
    table = f"问题,答案,分类\n退款多久到账？,{said}\n钱什么时候退,{said}\n没有答案,,\n"
    row, refused = planned({"faq.csv": table.encode("gb18030")}, tmp_path).rows
    made = parse(row.source, row.path)
    assert (row.path, made.title) == ("refund-policy/tui-kuan-duo-jiu-dao-zhang-zh.md", "退款多久到账")
    assert (made.questions, made.say, made.lang) == (("退款多久到账？", "钱什么时候退"), "一般三天到账。", "zh-CN")
    assert (refused.origin, refused.error and refused.error.facts["line"]) == ("faq.csv:4", 4)


@pytest.mark.parametrize(
    ("table", "code"),
    [
        ('question,answer\n"no end,of it\n', "import_csv_broken"),
        ("a,b,c\n1,2,3\n", "import_csv_columns"),
        ("", "import_no_text"),
        ("question,answer\nq," + "".join(map(str, range(40_000))) + "\n", "import_csv_broken"),
    ],
)
def test_a_table_that_is_none_is_refused(tmp_path: Path, table: str, code: str) -> None:
    row = only(planned({"faq.csv": table}, tmp_path))
    assert row.error is not None
    assert row.error.code == code


def test_two_columns_without_a_header_are_questions_and_answers(tmp_path: Path) -> None:
    row = only(planned({"faq.csv": "Where is my parcel?;On its way.\n"}, tmp_path))
    assert (row.title, parse(row.source, row.path).say) == ("Where is my parcel", "On its way.")


def test_a_page_of_html_with_a_picture_in_it(tmp_path: Path) -> None:
    inline = base64.b64encode(picture()).decode()
    page = "<html><head><title>Ignored</title></head><body><h1>Lamps</h1>"
    page += f"<p>See <img src='data:image/png;base64,{inline}'></p>"
    row = only(planned({"lamps.html": page + "<img src='data:image/svg+xml;base64,PHN2Zz4='></body></html>"}, tmp_path))
    assert (row.title, body_of(row)) == ("Lamps", f"See ![image](../_media/{row.papers[0].name})\n\nimage")
    assert [note.code for note in row.notes] == ["import_picture_refused"]
