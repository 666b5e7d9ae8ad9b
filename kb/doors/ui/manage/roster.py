"""Many people at once: a CSV file, what is wrong with it or what it would do, and the button that does it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import streamlit as st

from kb.doors import wiring
from kb.doors.ui.frame import hl, literal, me, t, told
from kb.doors.ui.manage.done import done
from kb.doors.wiring import Desk
from kb.i18n import explain
from kb.people import roster
from kb.people.roster import COLUMNS, Row, Wrong
from kb.people.users import User

EXAMPLE = "id,role,name,teams,langs\nwang.min,agent,王敏,payments;vip,zh;en\nli.na,supervisor,Li Na,,en"
SHOWN = 20  # lines that are wrong
WIDE = 760  # pixels


def from_file(here: Desk, by: User) -> None:
    """The whole part."""
    with st.container(width=WIDE):
        st.markdown(t("manage.import_about", columns=", ".join(COLUMNS)))
        st.code(EXAMPLE, language=None)
        given = st.file_uploader(t("manage.file"), ["csv", "txt"], key="manage-file")
        if given is None:
            return
        with told():
            rows, wrong = roster.read(roster.decoded(given.getvalue()))
            if wrong:
                _wrong(wrong)
            else:
                _plan(here, by, rows)


def _wrong(wrong: Sequence[Wrong]) -> None:
    said = [t("people.import_line", line=one.line, problem=explain(hl(), one.error)) for one in wrong[:SHOWN]]
    head = t("people.import_refused", count=len(wrong))
    st.error("\n\n".join(literal(one) for one in [head, *said]), icon=":material/error:")


def _plan(here: Desk, by: User, rows: Sequence[Row]) -> None:
    with here.database.read() as connection:
        planned = roster.plan(connection, by, rows)
    counts = {"added": len(planned.added), "changed": len(planned.changed), "same": len(planned.same)}
    st.markdown(t("people.import_dry", **counts))
    count = counts["added"] + counts["changed"]
    label = t("manage.import_button", count=count)
    st.button(label, type="primary", disabled=not count, key="manage-import", on_click=_carry_out, args=(rows,))


def _carry_out(rows: Sequence[Row]) -> None:
    """What was made before something went wrong is told all the same: nobody could read those passwords again."""
    made: list[str] = []
    counts = {"added": 0, "changed": 0, "same": 0}
    with told():
        for piece in roster.enrol_all(wiring.desk().database, me(), rows, datetime.now(UTC)):
            made += [f"{id}\t{password}" for id, password in piece.added.items()]
            counts["added"] += len(piece.added)
            counts["changed"] += len(piece.changed)
            counts["same"] += len(piece.same)
    done(t("people.imported", **counts), "\n".join(made))
