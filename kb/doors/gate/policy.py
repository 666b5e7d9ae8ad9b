"""The headers of safety that every answer has, and the policy under which our pages run."""

from __future__ import annotations

import base64
import hashlib
import re

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",  # `no-referrer` would have browsers hide the Origin of our own forms
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
HSTS = "max-age=31536000; includeSubDomains"


def frames_of(origins: str) -> str:
    """Who may show a page of ours in a frame: our own pages, and those origins (with commas between them)."""
    return " ".join(["frame-ancestors 'self'", *origins.split(",")]).strip()


def content_policy(page: str, frame_ancestors: str = "") -> str:
    """The tightest policy under which Streamlit works.

    page:            its index.html: the scripts in it are allowed
    frame_ancestors: origins that may show our pages in a frame, with commas between them
    """
    scripts = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    hashes = [base64.b64encode(hashlib.sha256(one.encode()).digest()).decode() for one in scripts]
    allowed = " ".join(f"'sha256-{one}'" for one in hashes)
    return (
        f"default-src 'self'; script-src 'self' blob: {allowed}; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data:; font-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; "
        f"{frames_of(frame_ancestors)}"
    )
