"""Prompts and masks: CLIP reads a label as its own tokenizer would, and CMLM hides whole words of it."""

from pathlib import Path

import open_clip
import pytest
import torch

from m2clip.errors import UserError
from m2clip.models.heads import mask_words, word_vocabulary
from m2clip.models.prompts import make_prompts
from m2clip.options.m2clip import Decoder
from m2clip.seeds import generator

TEMPLATE = "a video of {}"
LABELS = ("playing the ukulele (badly) on ice", "unboxing", "shooting goal (soccer)")
IGNORED = -100


@pytest.fixture(scope="module")
def tokenizer():
    return open_clip.get_tokenizer("ViT-B-16")


@pytest.fixture(scope="module")
def prompts(tokenizer):
    return make_prompts(LABELS, TEMPLATE, tokenizer)


def masked(prompts, seed=0, class_ids=(0, 1, 2), **differences):
    decoder = Decoder(**differences)
    vocabulary = word_vocabulary(prompts, decoder.mask_words)
    return mask_words(prompts, vocabulary, torch.tensor(class_ids), decoder, generator(seed))


@pytest.mark.parametrize("dataset", ["kinetics400", "ssv2", "ucf101", "hmdb51"])
@pytest.mark.parametrize("template", [TEMPLATE, "{}, filmed.", "{}"])
def test_prompts_are_what_clips_tokenizer_reads_without_the_padding(tokenizer, dataset, template):
    file = Path(__file__).parent.parent / "experiments" / "labels" / f"{dataset}.txt"
    labels = tuple(file.read_text(encoding="utf-8").splitlines())
    ids = make_prompts(labels, template, tokenizer).ids
    whole = tokenizer([template.replace("{}", label) for label in labels])
    assert torch.equal(ids, whole[:, : ids.shape[1]])
    assert not whole[:, ids.shape[1] :].any()
    assert (ids[:, -1] == tokenizer.eot_token_id).any()


def test_the_words_to_predict_are_those_of_the_labels(prompts):
    vocabulary = word_vocabulary(prompts, "label")
    assert list(vocabulary) == sorted({word.lower() for label in LABELS for word in label.split()})
    assert list(vocabulary.values()) == list(range(10))


def test_a_word_is_the_same_in_capitals(tokenizer):
    prompts = make_prompts(("Unboxing", "unboxing Boxes"), TEMPLATE, tokenizer)
    assert word_vocabulary(prompts, "label") == {"boxes": 0, "unboxing": 1}
    _, words = masked(prompts, class_ids=(0,))
    assert words.max() == 1


def test_the_released_words_are_the_prompts_and_the_header_of_its_file(prompts):
    released = word_vocabulary(prompts, "prompt")
    assert set(released) == {*word_vocabulary(prompts, "label"), "a", "video", "of", "name"}


def test_masks_replace_whole_words_of_the_label_by_one_token(prompts, tokenizer):
    (mask,) = tokenizer.encode("mask")
    hidden_words = set()
    for seed in range(30):
        ids, words = masked(prompts, seed)
        for row, label in enumerate(LABELS):
            names = {index: word for word, index in word_vocabulary(prompts, "label").items()}
            hidden = [names[w] for w in words[row].tolist() if w != IGNORED]
            assert len(hidden) == 1
            hidden_words |= set(hidden)
            tokens = [prompts.start, *tokenizer.encode("a video of")]
            for word in label.split():
                tokens += [mask] if word in hidden else tokenizer.encode(word)
            tokens.append(prompts.end)
            assert ids[row].tolist() == tokens + [0] * (len(ids[row]) - len(tokens))
            places = [place for place, token in enumerate(ids[row].tolist()) if token == mask]
            assert places == [place for place, w in enumerate(words[row].tolist()) if w != IGNORED]
    assert hidden_words == set(word_vocabulary(prompts, "label"))


def test_a_word_of_several_tokens_is_hidden_as_one(tokenizer):
    assert len(tokenizer.encode("(soccer)")) == 3
    prompts = make_prompts(("(soccer)",), TEMPLATE, tokenizer)
    ids, words = masked(prompts, class_ids=(0,))
    assert ids[0].tolist()[:6] == [prompts.start, *tokenizer.encode("a video of mask"), prompts.end]
    assert words[0].tolist() == [IGNORED] * 4 + [0] + [IGNORED] * (len(words[0]) - 5)


@pytest.mark.parametrize(("rate", "count"), [(0.01, 1), (0.2, 1), (0.3, 2), (0.5, 3), (0.9, 5), (1.0, 6)])
def test_the_rate_is_a_share_of_the_labels_words_and_at_least_one(prompts, rate, count):
    _, words = masked(prompts, class_ids=(0,), mask_rate=rate)
    assert (words != IGNORED).sum() == count


def test_the_template_is_never_masked_unless_the_config_says_so(tokenizer):
    prompts = make_prompts(LABELS, TEMPLATE, tokenizer)
    before = slice(1, 4)
    by_label, by_prompt = (
        [
            (masked(prompts, seed, mask_words=which)[1][:, before] != IGNORED).any().item()
            for seed in range(30)
        ]
        for which in ("label", "prompt")
    )
    assert not any(by_label)
    assert any(by_prompt)


def test_masks_are_a_function_of_the_generator_and_prompts_stay_as_they_are(prompts):
    before = prompts.ids.clone()
    for one, other in zip(masked(prompts, 3), masked(prompts, 3), strict=True):
        assert torch.equal(one, other)
    assert any(not torch.equal(masked(prompts, 3)[1], masked(prompts, seed)[1]) for seed in range(4, 9))
    assert torch.equal(prompts.ids, before)


def test_an_empty_label_is_named_by_its_class(tokenizer):
    with pytest.raises(UserError, match="class 1 has an empty label"):
        make_prompts(("archery", " "), TEMPLATE, tokenizer)


def test_a_label_that_clip_cannot_read_whole_is_named(tokenizer):
    long = "very " * 80 + "long"
    with pytest.raises(UserError, match=r"very long.*86 tokens.*reads 77"):
        make_prompts(("archery", long), TEMPLATE, tokenizer)
