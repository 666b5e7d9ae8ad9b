"""The catalogue: one product, many ways to say it."""

from __future__ import annotations

from pathlib import Path

import pytest

from kb.content.products import Product, load, named_in, resolve
from kb.errors import ArticleError

CATALOGUE = """
[LH-R3000]
name_en = "Lark Router R3000"
name_zh = "云雀路由器 R3000"
line = "router"
aliases = ["R3000", "路由器R3000"]

[LH-R1500]
name_en = "Lark Router R1500"
name_zh = "云雀路由器 R1500"
line = "router"
discontinued = true

[LH-B2P]
name_en = "Lark Buds 2 Pro"
name_zh = "云雀耳机 Buds 2 Pro"
line = "earbuds"
aliases = ["B2P", "Buds Pro"]
"""


def written(folder: Path, text: str) -> Path:
    """An articles folder with this catalogue."""
    (folder / "_products.toml").write_text(text, "utf-8")
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return written(tmp_path, CATALOGUE)


def test_a_catalogue_is_read_by_code(folder: Path) -> None:
    assert load(folder) == {
        "LH-R3000": Product(
            "LH-R3000", "Lark Router R3000", "云雀路由器 R3000", "router", ("R3000", "路由器R3000"), False
        ),
        "LH-R1500": Product("LH-R1500", "Lark Router R1500", "云雀路由器 R1500", "router", (), True),
        "LH-B2P": Product("LH-B2P", "Lark Buds 2 Pro", "云雀耳机 Buds 2 Pro", "earbuds", ("B2P", "Buds Pro"), False),
    }


def test_a_folder_without_a_catalogue_has_no_products(tmp_path: Path) -> None:
    assert load(tmp_path) == {}


def test_a_product_has_a_name_in_each_language(folder: Path) -> None:
    router = load(folder)["LH-R3000"]
    assert (router.name("en"), router.name("zh")) == ("Lark Router R3000", "云雀路由器 R3000")


@pytest.mark.parametrize(
    ("spoken", "code"),
    [
        ("LH-R3000", "LH-R3000"),
        ("lh-r3000", "LH-R3000"),
        ("lhr3000", "LH-R3000"),
        ("R3000", "LH-R3000"),
        ("r 3000", "LH-R3000"),
        ("ｒ３０００", "LH-R3000"),
        ("lark router r3000", "LH-R3000"),
        ("云雀路由器R3000", "LH-R3000"),
        ("雲雀路由器 R3000", "LH-R3000"),
        ("路由器 r3000", "LH-R3000"),
        ("Lark Router R1500", "LH-R1500"),
        ("buds pro", "LH-B2P"),
        ("b2p", "LH-B2P"),
        ("R30", None),
        ("router", None),
        ("R3000X", None),
        ("E-04", None),
        ("", None),
        ("？", None),
        ("\ud800", None),
    ],
)
def test_a_product_is_known_by_code_name_or_alias_however_it_is_written(
    folder: Path, spoken: str, code: str | None
) -> None:
    assert resolve(load(folder), spoken) == code


def test_in_an_empty_catalogue_nothing_is_known() -> None:
    assert resolve({}, "R3000") is None


GOOD = '[A]\nname_en = "a"\nname_zh = "甲"\nline = "router"\n'


@pytest.mark.parametrize(
    "text",
    [
        "[A",
        "A = 1",
        'A = "router"',
        "[[A]]\nname_en = 1",
        GOOD.replace('name_zh = "甲"\n', ""),
        GOOD.replace('line = "router"\n', ""),
        GOOD.replace('"a"', "5"),
        GOOD + 'colour = "red"\n',
        GOOD + 'aliases = "R3000"\n',
        GOOD + 'discontinued = "yes"\n',
        GOOD + GOOD,
    ],
)
def test_a_catalogue_that_is_not_what_it_should_be_is_told(tmp_path: Path, text: str) -> None:
    with pytest.raises(ArticleError) as caught:
        load(written(tmp_path, text))
    assert caught.value.code == "catalogue_broken"
    assert (caught.value.facts["file"], caught.value.facts["line"]) == ("_products.toml", 1)
    assert caught.value.facts["problem"]


def test_a_catalogue_in_another_encoding_is_told(tmp_path: Path) -> None:
    (tmp_path / "_products.toml").write_bytes(CATALOGUE.encode("gb18030"))
    with pytest.raises(ArticleError, match="catalogue_broken"):
        load(tmp_path)


def test_a_catalogue_that_is_a_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "_products.toml").mkdir()
    with pytest.raises(ArticleError, match="catalogue_broken"):
        load(tmp_path)


NAMED = {
    "R": Product("LH-R3000", "Lark Router R3000", "云雀路由器 R3000", "router", ("R3000", "路由器R3000")),
    "B2": Product("LH-B2", "Lark Buds 2", "云雀耳机 Buds 2", "earbuds", ("B2", "Buds 2")),
    "B2P": Product("LH-B2P", "Lark Buds 2 Pro", "云雀耳机 Buds 2 Pro", "earbuds", ("B2P", "Buds 2 Pro")),
    "S1": Product("LH-S1", "Smart Lock S1", "智能门锁 S1", "smart lock", ("S1",)),
}
BY_CODE = {product.code: product for product in NAMED.values()}


@pytest.mark.parametrize(
    ("said", "codes"),
    [
        ("my r3000 has a red light", ("LH-R3000",)),
        ("路由器R3000红灯", ("LH-R3000",)),
        ("雲雀路由器 r-3000 怎么了", ("LH-R3000",)),
        ("R 3000 is slow", ("LH-R3000",)),
        ("LH-R3000", ("LH-R3000",)),
        ("is the S1's battery in the R3000's box?", ("LH-R3000", "LH-S1")),
        ("buds 2 pro keep dropping", ("LH-B2P",)),  # and not Buds 2 too
        ("buds 2 and buds 2 pro", ("LH-B2", "LH-B2P")),
        ("Buds 2耳机没声音", ("LH-B2",)),
        ("R30001", ()),
        ("XR3000", ()),
        ("R3000X", ()),
        ("this 1 has 1 fault", ()),  # no s1 over the edge of a word
        ("router", ()),
        ("", ()),
        ("？！", ()),
    ],
)
def test_products_are_found_in_what_a_caller_says(said: str, codes: tuple[str, ...]) -> None:
    assert named_in(BY_CODE, said) == codes


def test_a_text_names_nothing_where_there_is_no_catalogue() -> None:
    assert named_in({}, "my R3000") == ()
