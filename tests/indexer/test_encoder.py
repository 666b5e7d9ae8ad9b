"""The encoder gives each text the vector its model gives, under a name that changes when the vectors do."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from indexer.encoder import BATCH, MAX_TOKENS, STEP, SentenceEncoder
from indexer.encoder.tokens import cosines as near
from kb.config import Settings, settings
from kb.errors import SettingError
from kb.finding.search import Vector
from kb.i18n import explain

pytestmark = pytest.mark.encoder

TEXTS = [
    "退款多久到账",
    "Refund to an expired card",
    "扫地机器人报 E-04 停下不走\n轮子或边刷转不动了，多半是缠了头发。",
    "The router has a red light and there is no internet",
    "好",
    "🔥",
    "",
    "路由器一直亮红灯，我已经拔过电源了，" * 8,
    "Please unplug it, wait for ten seconds and plug it in again. " * 8,
]


def cosines(one: Vector, other: Vector) -> Vector:
    """Row by row."""
    rows: Vector = (one * other).sum(axis=1) / np.linalg.norm(one, axis=1) / np.linalg.norm(other, axis=1)
    return rows


# --- the packaged model --------------------------------------------------------------------------


@pytest.fixture(scope="module", params=["fp32", "bf16"])
def encoder(request: pytest.FixtureRequest, exact_encoder: SentenceEncoder) -> SentenceEncoder:
    """The packaged model in each precision."""
    if request.param == "fp32":
        return exact_encoder
    return SentenceEncoder(replace(settings(), precision="bf16"))


def test_rows_have_length_one(encoder: SentenceEncoder) -> None:
    for rows in (encoder.queries(TEXTS), encoder.passages(TEXTS)):
        assert rows.shape == (len(TEXTS), encoder.dim)
        assert rows.dtype == np.float32
        assert np.linalg.norm(rows, axis=1) == pytest.approx(np.ones(len(TEXTS)), abs=1e-4)


def test_bf16_stays_near_fp32(encoder: SentenceEncoder, exact_encoder: SentenceEncoder) -> None:
    assert cosines(encoder.passages(TEXTS), exact_encoder.passages(TEXTS)).min() > 0.998


def test_questions_and_passages_bear_the_prompts_of_the_model(exact_encoder: SentenceEncoder) -> None:
    """The reference is sentence-transformers by hand, one text at a time, the prompt written out."""
    model = exact_encoder._model
    for rows, prompt in ((exact_encoder.queries(TEXTS), "query: "), (exact_encoder.passages(TEXTS), "passage: ")):
        by_hand = np.stack([model.encode([prompt + text], prompt="", convert_to_numpy=True)[0] for text in TEXTS])
        assert np.abs(rows - by_hand).max() < 1e-5
    assert np.abs(exact_encoder.queries(TEXTS) - exact_encoder.passages(TEXTS)).max() > 1e-2


def test_texts_in_any_order_and_number_get_their_own_rows(encoder: SentenceEncoder) -> None:
    chance = random.Random(5)
    many = [f"第 {i} 句：" + "路由器 red light " * chance.randrange(6) for i in range(BATCH + 7)]
    rows = encoder.passages(many)
    order = chance.sample(range(len(many)), len(many))
    shuffled = encoder.passages([many[i] for i in order])
    assert cosines(shuffled, rows[order]).min() > (0.99999 if encoder.precision == "fp32" else 0.998)
    alone = np.concatenate([encoder.passages([many[i]]) for i in range(0, len(many), 10)])
    near = alone @ rows.T
    assert near.argmax(axis=1).tolist() == list(range(0, len(many), 10))


def test_one_pass_gives_the_rows_and_the_tokens(encoder: SentenceEncoder) -> None:
    rows, tokens = encoder.with_tokens(TEXTS, query=False)
    assert cosines(rows, encoder.passages(TEXTS)).min() > 0.998
    assert [len(one) > 0 for one in tokens] == [bool(text and text != "🔥") for text in TEXTS]
    words = [TEXTS[1][place:].split()[0] for place in tokens[1]["place"].tolist()]
    assert words[0] == "Refund"
    assert words[-1] == "card"
    assert not {"to", "an"} & set(words)  # function words do not count
    _, (asked,) = encoder.with_tokens(["我的卡过期了，退款去哪"], query=True)
    assert np.linalg.norm(asked, axis=1) == pytest.approx(np.ones(len(asked)), abs=1e-4)
    likeness = [float(near(one, asked).max(axis=0).mean()) for one in tokens[:4]]
    assert likeness.index(max(likeness)) in (0, 1)  # 退款多久到账, Refund to an expired card


def test_batches_are_of_few_shapes_and_a_short_question_of_its_own(
    encoder: SentenceEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """torch keeps for ever what it made for a shape."""
    shapes: set[tuple[int, int]] = set()
    forward = encoder._model.forward

    def noted(features: Any, **more: Any) -> Any:
        shapes.add(tuple(features["input_ids"].shape))
        return forward(features, **more)

    monkeypatch.setattr(encoder._model, "forward", noted)
    texts = ["refund " * n for n in range(1, 80)]
    for count in range(2, 70):
        encoder.passages(texts[:count])
    assert {count for count, _ in shapes} == {1, 2, 4, 8, 16, 32}
    assert len({length for count, length in shapes if count > 1 and length % STEP}) == 0
    assert len(shapes) < 60
    shapes.clear()
    short = ("a", "退款多久到账")
    for text in (*short, "refund " * 100):
        encoder.queries([text])
    own = {(1, len(encoder._model.tokenizer(encoder._query_prompt + one)["input_ids"])) for one in short}
    assert own < shapes
    assert [length % STEP for _, length in shapes - own] == [0]


def test_no_texts_give_no_rows(encoder: SentenceEncoder) -> None:
    assert encoder.queries([]).shape == (0, 384)


def test_a_text_longer_than_the_model_reads_counts_by_its_beginning(exact_encoder: SentenceEncoder) -> None:
    beginning = "退款三天内原路退回。" * 100
    rows = exact_encoder.passages([beginning, beginning + "红灯" * 1_000])
    assert cosines(rows[:1], rows[1:])[0] == pytest.approx(1.0, abs=1e-5)
    assert exact_encoder._model.max_seq_length == MAX_TOKENS


def test_a_question_is_nearer_to_its_answer_than_to_another(encoder: SentenceEncoder) -> None:
    asked = encoder.queries(["钱退到过期的卡上了怎么办", "my card expired, where does the refund go"])
    answers = encoder.passages(
        ["卡过期了退款去哪", "Refund to an expired card", "扫地机报 E-04", "Red light on the router"]
    )
    nearness = asked @ answers.T
    assert nearness[:, :2].min() > nearness[:, 2:].max()


def test_many_threads_at_once_get_the_rows_and_tokens_of_one(exact_encoder: SentenceEncoder) -> None:
    """Batches beside single texts: a tokenizer keeps how it pads from call to call."""

    def made(count: int) -> tuple[Vector, list[bytes]]:
        rows, tokens = exact_encoder.with_tokens(TEXTS[:count], query=False)
        return rows, [one["codes"].tobytes() for one in tokens]

    alone = {count: made(count) for count in (1, 6)}
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda count: (count, *made(count)), [6, 1] * 8))
    for count, rows, tokens in found:
        assert np.abs(rows - alone[count][0]).max() < 1e-6
        assert tokens == alone[count][1]


def test_the_name_says_model_and_precision(exact_encoder: SentenceEncoder, encoder: SentenceEncoder) -> None:
    assert encoder.name.startswith("multilingual-e5-small:")
    assert (encoder.name == exact_encoder.name) == (encoder.precision == "fp32")


# --- another model -------------------------------------------------------------------------------

SIGNS = "abcdefghijklmnopqrstuvwxyz0123456789退款路由器红灯扫地机多久到账卡过期"


def make_model(folder: Path, *, seed: int = 0, **options: object) -> Path:
    """A tiny BERT with random weights as a sentence-transformers folder."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
    from transformers import BertConfig, BertModel, BertTokenizer

    torch.manual_seed(seed)
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *SIGNS, *(f"##{sign}" for sign in SIGNS)]
    bert = folder.with_name(f"{folder.name}-bert")
    config = BertConfig(
        vocab_size=len(pieces),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=64,
    )
    BertModel(config).save_pretrained(bert)
    BertTokenizer(vocab={piece: number for number, piece in enumerate(pieces)}).save_pretrained(bert)
    modules = [Transformer(str(bert), max_seq_length=48), Pooling(32, pooling_mode="mean")]
    SentenceTransformer(modules=modules, device="cpu", **options).save_pretrained(  # type: ignore[arg-type]
        str(folder), create_model_card=False
    )
    return folder


def load(folder: Path, **changes: str) -> SentenceEncoder:
    """The encoder that `KB_MODEL=folder` names."""
    env = {"KB_MODEL": str(folder), "KB_PRECISION": "fp32"} | changes
    return SentenceEncoder(settings(env))


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    prompts = {"query": "ask ", "document": "tell "}
    return make_model(tmp_path_factory.mktemp("models") / "tiny", prompts=prompts)


def test_any_sentence_transformers_model_works_by_its_path(tiny: Path, exact_encoder: SentenceEncoder) -> None:
    from sentence_transformers import SentenceTransformer

    encoder = load(tiny)
    assert encoder.dim == 32
    assert encoder.name.startswith("tiny:")
    assert encoder.name != exact_encoder.name
    model = SentenceTransformer(str(tiny), device="cpu")
    for rows, prompt in ((encoder.queries(TEXTS), "ask "), (encoder.passages(TEXTS), "tell ")):
        by_hand = np.stack([model.encode([prompt + text], prompt="")[0] for text in TEXTS])
        by_hand /= np.linalg.norm(by_hand, axis=1, keepdims=True)
        assert np.abs(rows - by_hand).max() < 1e-5
    assert np.linalg.norm(encoder.passages(TEXTS), axis=1) == pytest.approx(np.ones(len(TEXTS)), abs=1e-6)


def test_a_prompt_that_is_set_replaces_the_models_own(tiny: Path) -> None:
    plain = load(tiny, KB_QUERY_PROMPT="", KB_PASSAGE_PROMPT="")
    assert np.array_equal(plain.queries(TEXTS), plain.passages(TEXTS))
    other = load(tiny, KB_QUERY_PROMPT="问 ", KB_PASSAGE_PROMPT="答 ")
    spelled = plain.queries([f"问 {text}" for text in TEXTS])
    assert cosines(other.queries(TEXTS), spelled).min() == pytest.approx(1.0, abs=1e-5)


def test_an_empty_prompt_means_none_even_where_the_model_has_a_default(tmp_path: Path) -> None:
    prompts = {"query": "ask ", "document": "tell "}
    folder = make_model(tmp_path / "tiny", prompts=prompts, default_prompt_name="query")
    plain = load(folder, KB_QUERY_PROMPT="", KB_PASSAGE_PROMPT="")
    spelled = load(folder, KB_QUERY_PROMPT="ask ", KB_PASSAGE_PROMPT="")
    assert np.abs(plain.queries(TEXTS) - spelled.queries(TEXTS)).max() > 1e-3
    assert np.array_equal(plain.queries(TEXTS), plain.passages(TEXTS))


def test_a_model_that_names_no_prompts_gets_none(tmp_path: Path) -> None:
    encoder = load(make_model(tmp_path / "tiny"))
    assert np.array_equal(encoder.queries(TEXTS), encoder.passages(TEXTS))


@pytest.mark.parametrize(
    "changes",
    [{"KB_QUERY_PROMPT": "other "}, {"KB_PASSAGE_PROMPT": "other "}, {"KB_PRECISION": "bf16"}],
    ids=["query prompt", "passage prompt", "precision"],
)
def test_a_changed_setting_changes_the_name(tiny: Path, changes: dict[str, str]) -> None:
    assert load(tiny, **changes).name != load(tiny).name


def test_the_same_model_has_the_same_name_wherever_it_lies(tiny: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(tiny, tmp_path / "elsewhere" / "tiny")
    assert load(copy).name == load(tiny).name


def test_other_weights_change_the_name(tmp_path: Path) -> None:
    one = load(make_model(tmp_path / "a" / "tiny", seed=1))
    other = load(make_model(tmp_path / "b" / "tiny", seed=2))
    assert one.name != other.name


def other_pooling(folder: Path) -> None:
    path = folder / "1_Pooling" / "config.json"
    path.write_text(path.read_text("utf-8").replace('"mean"', '"cls"'), "utf-8")


def other_tokenizer(folder: Path) -> None:
    """A tokenizer that takes two letters for each other."""
    path = folder / "tokenizer.json"
    tree = json.loads(path.read_text("utf-8"))
    vocabulary = tree["model"]["vocab"]
    vocabulary["r"], vocabulary["n"] = vocabulary["n"], vocabulary["r"]
    path.write_text(json.dumps(tree), "utf-8")


@pytest.mark.parametrize("change", [other_pooling, other_tokenizer])
def test_whatever_changes_the_vectors_changes_the_name(
    tiny: Path, tmp_path: Path, change: Callable[[Path], None]
) -> None:
    copy = shutil.copytree(tiny, tmp_path / "tiny")
    change(copy)
    one, other = load(tiny), load(copy)
    assert np.abs(one.passages(["Refund"]) - other.passages(["Refund"])).max() > 1e-3
    assert one.name != other.name


def test_a_model_saved_without_its_unused_parts_keeps_its_name(tiny: Path, tmp_path: Path) -> None:
    """What a file lacks is drawn at random each time it is loaded; no vector depends on it, and no name may.

    With another name at each start everything would be embedded anew at each start.
    """
    from safetensors.torch import load_file, save_file

    copy = shutil.copytree(tiny, tmp_path / "tiny")
    weights = load_file(copy / "model.safetensors")
    kept = {name: tensor for name, tensor in weights.items() if not name.startswith("pooler.")}
    assert len(kept) < len(weights)
    save_file(kept, copy / "model.safetensors", metadata={"format": "pt"})
    one, other = load(copy), load(copy)
    assert np.array_equal(one.passages(TEXTS), other.passages(TEXTS))
    assert one.name == other.name


@pytest.mark.parametrize("model", ["/no/such/folder", "no-such-model-name"])
def test_a_model_that_does_not_load_is_told_in_a_sentence(model: str) -> None:
    with pytest.raises(SettingError) as told:
        SentenceEncoder(Settings(model=model))
    assert (told.value.code, told.value.facts["model"]) == ("model_unusable", model)
    assert explain("en", told.value).startswith(f'The model "{model}" could not be loaded: ')
    assert explain("zh", told.value).startswith(f"模型“{model}”无法加载：")


def test_a_folder_that_is_no_model_is_told_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}", "utf-8")
    with pytest.raises(SettingError) as told:
        SentenceEncoder(Settings(model=str(tmp_path)))
    assert told.value.code == "model_unusable"
