"""Examples 17 to 22: decoding and CTC, computed by `inorder.textbook`."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from inorder.lecture.example import Example, Quantity, row
from inorder.textbook.beam import Candidate, Hypothesis, beam_search, beam_steps, sequence_log_probability, table_step
from inorder.textbook.ctc import collapse, ctc_forward, ctc_log_probability, ctc_loss, ctc_probability, paths, required_frames
from inorder.textbook.greedy import greedy
from inorder.textbook.teacher_forcing import free_running, teacher_forced
from inorder.typing import Floats


def teacher_forcing() -> Example:
    """Example 17: the same model with the true and with its own previous token."""
    truth = [2, 5, 3]
    answers = {"begin": 4, 2: 6, 5: 4, 4: 7, 7: 9}  # previous token -> what the model says, read off the lecture's two runs
    forced = teacher_forced(lambda x, state: (answers[x], state), None, "begin", truth)
    free = free_running(lambda x, state: (answers[x], state), None, "begin", len(truth))
    forced_errors, free_errors = ([abs(guess - true) for guess, true in zip(run.outputs, truth, strict=True)] for run in (forced, free))
    return Example(
        number=17,
        topic="teacher-forcing",
        title="Teacher forcing against running free",
        data={"truth": truth, "forced guesses": [4, 6, 4], "free guesses": [4, 7, 9]},
        quantities=(
            Quantity("forced guesses", None, tuple(forced.outputs), "d"),
            Quantity("forced errors", None, tuple(forced_errors), "d"),
            Quantity("free guesses", None, tuple(free.outputs), "d"),
            Quantity("free errors", None, tuple(free_errors), "d"),
        ),
        explanation=f"One model makes both runs. Forced, each guess starts from the truth, and the errors stay at {max(forced_errors)} or less; "
        f"free, it starts from its own last guess, and they grow to {free_errors[-1]}.",
        steps=(
            "previous token → guess: " + ", ".join(f"{before} → {guess}" for before, guess in answers.items()),
            *(
                f"{name}: " + ", ".join(f"{x} → {y} ({error} off)" for x, y, error in zip(run.inputs, run.outputs, errors, strict=True))
                for name, run, errors in (("forced", forced, forced_errors), ("free", free, free_errors))
            ),
        ),
    )


def beam() -> Example:
    """Example 18: beam search over a table of probabilities."""
    table = {"": [0.5, 0.3, 0.2], "A": [0.4, 0.4, 0.2], "B": [0.6, 0.2, 0.2], "AA": [0.3, 0.5, 0.2], "AB": [0.2, 0.6, 0.2]}
    step = table_step({tuple("ABC".index(letter) for letter in so_far): p for so_far, p in table.items()})
    steps = list(beam_steps(step, None, width=2, begin=-1, max_length=3))
    second = steps[1].kept
    best, other = beam_search(step, None, width=2, begin=-1, max_length=3, n_best=2)

    def letters(found: Candidate | Hypothesis) -> str:
        return "".join("ABC"[token] for token in found.tokens)

    return Example(
        number=18,
        topic="beam-search",
        title="Beam search with width 2 over A, B, C",
        data={"P(first)": table[""], **{f"P(next after {so_far})": p for so_far, p in table.items() if so_far}, "width": 2},
        quantities=(
            *(
                Quantity(f"kept, {place}", printed, (letters(at), at.log_probability))
                for place, printed, at in zip(("1st", "2nd"), (("AA", "-1.609"), ("AB", "-1.609")), second, strict=True)
            ),
            Quantity("winner", ("ABB", "-2.120"), (letters(best), best.log_probability)),
            Quantity("second", ("AAB", "-2.302"), (letters(other), other.log_probability)),
        ),
        explanation="What the lecture calls loss is the log-probability, the sum of ln P along the way; the largest wins. "
        f"{letters(best)} has probability {math.exp(best.log_probability):.3f}, {letters(other)} {math.exp(other.log_probability):.3f}.",
        steps=(
            "score = Σ ln P(token | tokens before it); the 2 best continuations live on",
            *(
                line
                for n, at in enumerate(steps, start=1)
                for line in (f"step {n}: kept   {_scores(at.kept, letters)}", f"        pruned {_scores(at.pruned, letters)}")
            ),
        ),
    )


def _scores(candidates: list[Candidate], name: Callable[[Candidate], str]) -> str:
    return "  ".join(f"{name(at)} {at.log_probability:.3f}" for at in candidates)


def beam_translation() -> Example:
    """Example 19: the order of words, and scores that add up, with probabilities of our own."""
    words = ["나는", "AI를", "사랑해", "(end)"]
    chances = {"begin": [0.7, 0.2, 0.1, 0.0], "나는": [0.0, 0.6, 0.3, 0.1], "AI를": [0.1, 0.0, 0.7, 0.2], "사랑해": [0.05, 0.15, 0.0, 0.8]}
    with np.errstate(divide="ignore"):  # a chance of 0 is a log-probability of −∞
        log_p = np.log(np.array([chances[word] for word in ("begin", *words[:3])]))

    def step(token: int, state: None) -> tuple[Floats, None]:
        return log_p[token + 1], state  # the begin token is -1

    def sentence(found: Hypothesis) -> str:
        return " ".join(words[token] for token in found.tokens if token != 3)

    options: dict[str, Any] = {"begin": -1, "end": 3, "max_length": 6}
    found = beam_search(step, None, width=3, n_best=3, **options)
    best = found[0]
    first = greedy(step, None, **options)
    sums = [sequence_log_probability(step, None, best.tokens[:n], begin=-1) for n in range(len(best.tokens) + 1)]
    increments = [after - before for before, after in itertools.pairwise(sums)]
    return Example(
        number=19,
        topic="beam-translation",
        title='Beam search with width 3: "I love AI" in Korean',
        data={"width": 3, "words": words, "P(next), ours": chances},
        quantities=(
            Quantity("best", ("나는 AI를 사랑해",), (sentence(best),), given=False),
            Quantity("its score", None, (best.log_probability,)),
            Quantity("sum of its parts", None, (sum(increments),)),
        ),
        explanation="The lecture shows the order of words, object before verb, and that scores add up; it gives no probabilities, so those here are ours, "
        f"and that they lead to its sentence proves nothing. Greedy search finds {'the same' if first.tokens == best.tokens else sentence(first)} here.",
        steps=(
            "score = Σ ln P(word | word before it)",
            *(f"{h.log_probability:.4f}  {sentence(h)}{'' if h.ended else ' (cut off)'}" for h in found),
            "the best, word by word: " + " ".join(f"{part:+.4f}" for part in increments) + f" = {sum(increments):.4f}",
        ),
    )


def ctc() -> Example:
    """Example 20: the sum over the paths of a label, by enumeration and by recursion."""
    p_a, p_blank = [0.4, 0.7, 0.5], [0.6, 0.3, 0.5]
    p, label = np.column_stack([p_blank, p_a]), [1]
    log_p = np.log(p)
    members = list(paths(3, 2, label))
    probability, loss = math.exp(ctc_log_probability(log_p, label)), ctc_loss(log_p, label)
    alpha = np.exp(ctc_forward(log_p, label))
    apart = p_a[0] * p_blank[1] * p_a[2]

    def letters(path: tuple[int, ...]) -> str:
        return "".join("-A"[symbol] for symbol in path)

    def chance(path: tuple[int, ...]) -> float:
        return math.prod(float(p[t, symbol]) for t, symbol in enumerate(path))

    double = "".join(collapse("A-A", "-"))
    return Example(
        number=20,
        topic="ctc",
        title='CTC loss of "A" in 3 frames',
        data={"P(A)": p_a, "P(blank)": p_blank},
        quantities=(
            Quantity("paths", ("7",), (len(members),)),
            Quantity("P", ("0.910",), (probability,)),
            Quantity("loss", ("0.094",), (loss,)),
        ),
        explanation=f'The printed seventh path is A-A, which collapses to "{double}": the blank keeps the two apart. Without its {apart:.2f} '
        f"the sum is {probability:.3f} and the loss -ln {probability:.3f} = {loss:.4f}.",
        steps=(
            "P(label) = Σ over the paths that collapse to it of Π P[t, path[t]]",
            "- is the blank; collapse: merge repeats, then drop blanks",
            *(f"{letters(path)}  {' · '.join(f'{p[t, s]:g}' for t, s in enumerate(path))} = {chance(path):.3f}" for path in members),
            f"sum over {len(members)} paths = {ctc_probability(p, label):.3f},   loss = -ln {probability:.3f} = {loss:.4f}",
            f'A-A  {chance((1, 0, 1)):.3f} belongs to "{double}"',
            "the same by the recursion over the places  -  A  -:",
            *(f"frame {t}: alpha = {row(at)}" for t, at in enumerate(alpha, start=1)),
            f"P = {alpha[-1, -2]:.3f} + {alpha[-1, -1]:.3f} = {alpha[-1, -2:].sum():.3f}",
        ),
    )


def ctc_double_letter() -> Example:
    """Example 21: repeats merge before blanks are dropped."""
    path, word = "--hh-e-ll-oo--", "hello"
    merged = "".join(symbol for i, symbol in enumerate(path) if i == 0 or symbol != path[i - 1])
    label, mended = "".join(collapse(path, "-")), path.replace("ll", "l-l")
    return Example(
        number=21,
        topic="ctc-double-letter",
        title='CTC alignment of "hello"',
        data={"path": path, "blank": "-"},
        quantities=(
            Quantity("collapses to", (word,), (label,)),
            Quantity("frames needed", None, (required_frames(word),), "d"),
        ),
        explanation=f'Repeats merge before blanks are dropped, so "ll" becomes one l. A double letter needs a blank between: {mended} collapses to '
        f'"{"".join(collapse(mended, "-"))}", and "{word}" needs {required_frames(word)} frames or more.',
        steps=(
            "collapse: merge repeats, then drop blanks",
            f"{path}  as it is",
            f"{merged}  repeats merged",
            f"{label}  blanks dropped",
            f"frames needed = letters + adjacent repeats = {len(word)} + {required_frames(word) - len(word)} = {required_frames(word)}",
        ),
    )


def ctc_paths() -> Example:
    """Example 22: three paths of one label."""
    alignments, word = ["C-A-T", "CC-AAT", "-C-A-T-"], "CAT"
    return Example(
        number=22,
        topic="ctc-paths",
        title='CTC alignments of "CAT"',
        data={"paths": alignments, "blank": "-"},
        quantities=tuple(Quantity(path, (word,), ("".join(collapse(path, "-")),)) for path in alignments),
        explanation="Three of the many paths of one label; no letter is doubled, so none needs a blank.",
        steps=("collapse: merge repeats, then drop blanks", *(f"{path} → {''.join(collapse(path, '-'))}" for path in alignments)),
    )
