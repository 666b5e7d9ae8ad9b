"""Articles in and out: other tools' exports read into ours, with a dry run that writes nothing, and the base as a zip.

A format is a module that tells what it finds in a pack of files; `plan` judges each beside the base, and says what
would become of it and why. What comes from elsewhere is text that nobody has checked: it begins in work, or not
validated.
"""

from kb.studio.transfer.export import export
from kb.studio.transfer.found import Found, Refused
from kb.studio.transfer.pack import Pack, of_bytes, of_path
from kb.studio.transfer.plan import OUTCOMES, Base, Plan, Row, plan

__all__ = ["OUTCOMES", "Base", "Found", "Pack", "Plan", "Refused", "Row", "export", "of_bytes", "of_path", "plan"]
