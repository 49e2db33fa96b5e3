"""What one sentence says of each finding that it names: present, absent, uncertain, or nothing.

The rules are those of NegEx and ConText: a cue before a finding reaches forward to the end of its clause or to a word
that starts something new, a cue behind it reaches back over the list that it closes, and some phrases look like a
negation and are none ("no change in the effusion"). Added to them: a heart, a lung or an angle with what is said of it
("the heart is not enlarged"), alternatives ("atelectasis versus scarring" leaves both uncertain), and clinical
questions, history and recommendations, which say nothing of the film.

References
----------
Chapman et al., J Biomed Inform 2001;34:301 (NegEx); Harkema et al., J Biomed Inform 2009;42:839 (ConText).
"""

from lucidray.domain.claim import Polarity
from lucidray.reasoning.claim_lexicon import Event, Token
from lucidray.reasoning.claim_mentions import (
    ALL_LABELS,
    IMPLIED,
    NAMED,
    NO_ACUTE_PROCESS,
    SAID,
    Mention,
    Scope,
    State,
    role_of,
)
from lucidray.reasoning.claim_table import Kind

# How many words may stand between an adjective and its organ: "normal size of the heart".
_REACH_OF_ADJECTIVE = 3


def mentions(tokens: list[Token], events: list[Event]) -> list[Mention]:
    """Find what a sentence says of the findings.

    Parameters
    ----------
    tokens, events
        Of one sentence, from one lexicon.

    Returns
    -------
    list of Mention
        In the order of their events; also those with no labels or no polarity.
    """
    if tokens and tokens[-1].word in {"?", "？", "؟"}:
        return []
    return _Walk(tokens, events).run()


_POLARITY: dict[Scope, Polarity | None] = {
    "none": "present",
    "negated": "absent",
    "uncertain": "uncertain",
    "question": None,
}


class _Walk:
    """One walk over a sentence's events, left to right."""

    def __init__(self, tokens: list[Token], events: list[Event]) -> None:
        self.tokens, self.events = tokens, events
        self.found: list[Mention] = []
        self.state = State()
        self.closed = self._closed_lists()

    def run(self) -> list[Mention]:
        """Go over all events, then settle the alternatives."""
        for index, event in enumerate(self.events):
            self._step(index, event)
        self._settle_alternatives()
        return self.found

    def _closed_lists(self) -> list[bool]:
        """For each event, whether an "or" follows in its clause: only then does a bare list stay one list."""
        closed, ahead = [False] * len(self.events), False
        for index in range(len(self.events) - 1, -1, -1):
            event = self.events[index]
            if event.has("or", "between"):
                ahead = True
            elif event.has("end", "opening", "negation_before", "predicate") and not event.has("severity"):
                ahead = False
            closed[index] = ahead
        return closed

    def _step(self, index: int, event: Event) -> None:
        state = self.state
        match self._role(index, event):
            case "mention":
                self._mention(index, event)
            case "statement":
                self._add(index, ALL_LABELS, IMPLIED, "absent", by_word=False)
            case "end":
                self._end_clause(opened=event.has("opening"))
            case "not_negating":
                # "could be resolving pneumonia" stays a doubt; "no effusion, no change in the nodule" denies no longer.
                state.scope = "none" if state.scope == "negated" else state.scope
                state.before = state.link = "cue"
            case "question":
                self._question(event)
            case "same":
                if self.found:
                    state.scope, state.same_as, state.count = "same", self.found[-1].polarity, 0
            case "between":
                self._between()
            case "negation":
                self._negation(index, event)
            case "uncertainty":
                self._uncertainty(index, event)
            case "subject":
                self._subject(index, event)
            case "predicate":
                self._predicate(index, event)
            case "connector":
                self._connector(index, event)
        if event.has("verb", "predicate"):
            state.verb = state.link == "plain"

    def _role(self, index: int, event: Event) -> str:
        """Return which of an event's meanings counts here: the first that it can have, but "borderline" of a heart."""
        role = role_of(event.kinds)
        return "predicate" if role == "uncertainty" and self._is_said_of_organ(index) else role

    def _between(self) -> None:
        self.state.link = "between"
        if self.found and self.found[-1].polarity == "present" and self.found[-1].clause == self.state.clause:
            self.found[-1].polarity = "uncertain"

    def _is_said_of_organ(self, index: int) -> bool:
        event = self.events[index]
        return event.has("predicate") and (bool(self.state.subjects) or self._is_next_to(index, "subject"))

    def _is_next_to(self, index: int, *kinds: Kind) -> bool:
        """Whether an event of one of these kinds follows with no word between."""
        if index + 1 >= len(self.events):
            return False
        following = self.events[index + 1]
        return following.start == self.events[index].end and following.has(*kinds)

    def _end_clause(self, *, opened: bool) -> None:
        state = self.state
        # "there is no": the negation that follows is a phrase of its own; "no longer is there" keeps its scope.
        state.scope, state.count, state.fresh = "none", 0, False
        state.clause += 1
        state.opened, state.link, state.before = opened, "new", "end"
        state.pending, state.touched, state.verb = None, False, False
        if opened:
            state.subjects = []

    def _question(self, event: Event) -> None:
        behind = not event.has("question") or self.state.before in {"mention", "predicate"}
        if event.has("question_after") and self._group_is_open() and behind:
            for mention in self._group():
                mention.polarity = None
            return
        self.state.scope, self.state.count, self.state.fresh, self.state.link = "question", 0, True, "cue"
        self.state.before = "cue"

    def _negation(self, index: int, event: Event) -> None:
        state = self.state
        before, after = event.has("negation_before"), event.has("negation_after")
        if before and not after and self._answers(index):
            before, after = False, True
        if before and after:
            after = self._follows_mention(index) and not self._leads_to_mention(index)
            before = not after
        if after:
            if self._group_is_open():
                for mention in self._group():
                    if mention.polarity is not None:
                        mention.polarity = "absent"
            state.scope, state.before, state.link = "none", "cue", "cue"
            return
        if state.scope == "question" and state.fresh:
            return
        state.scope, state.count, state.fresh = "negated", 0, True
        state.before = "negation"
        state.link = "cue"

    def _uncertainty(self, index: int, event: Event) -> None:
        state = self.state
        before, after = event.has("uncertainty_before", "uncertainty_list"), event.has("uncertainty_after")
        if before and after:
            after = not self._leads_to_mention(index) and (
                self._follows_mention(index) or not self._leads_anywhere(index)
            )
        elif before and not self._leads_anywhere(index) and self._follows_mention(index):
            after = True
        if after:
            if self._group_is_open():
                for mention in self._group():
                    if mention.polarity is not None:
                        mention.polarity = "uncertain"
            state.scope, state.before, state.link = "none", "cue", "cue"
            return
        # "no opacity suspicious for pneumonia" denies the pneumonia, too.
        if (state.scope == "negated" and state.fresh) or state.scope == "question":
            return
        state.scope, state.count, state.fresh = "uncertain", 0, True
        state.listing = event.has("uncertainty_list")
        state.before, state.link = "uncertainty", "cue"

    def _connector(self, index: int, event: Event) -> None:
        state = self.state
        if state.verb and event.has("comma", "and") and not self.closed[index]:
            # What was said is complete: "the right effusion is smaller and the left effusion has resolved".
            state.verb, state.link = False, "new"
            if state.scope in {"negated", "uncertain"} and state.count:
                state.scope, state.count, state.fresh = "none", 0, False
        if event.has("comma"):
            self._maybe_anew(index)
            state.fresh = state.fresh and state.count == 0
            if state.scope == "uncertain" and state.count and not self.closed[index] and not state.listing:
                state.scope = "none"
            state.link = "list" if state.link in {"plain", "list"} else state.link
        elif event.has("or"):
            state.link = "or" if state.link in {"plain", "list"} else state.link
        elif event.has("and"):
            self._maybe_anew(index)
            state.fresh = state.fresh and state.count == 0
            state.link = "and" if state.link in {"plain", "list"} else state.link
        else:
            if state.scope == "question":
                self._maybe_anew(index)
            if state.scope in {"negated", "same"} and state.count:
                state.scope = "none"
            state.fresh = False
            state.link = "with"
        if state.before not in {"negation", "uncertainty", "cue", "end"} or state.count:
            state.before = "connector"

    def _maybe_anew(self, index: int) -> None:
        """End a scope where a list without "or" goes on with something of its own: "no effusion, mild cardiomegaly"."""
        state = self.state
        if state.scope not in {"negated", "question"} or (not state.count and state.scope != "question"):
            return
        if self.closed[index]:
            return
        following = index + 1
        end = self.events[index].end
        while following < len(self.events) and self.events[following].has("and", "preposition"):
            following, end = following + 1, self.events[following].end
        if following >= len(self.events) or self.events[following].start != end:
            return
        event = self.events[following]
        mild = any(meaning.value in {"mild", "moderate"} for meaning in event.get("severity"))
        if event.has("anew") or mild or (event.has("side", "zone") and not event.has("finding")):
            state.scope, state.count, state.fresh = "none", 0, False

    def _mention(self, index: int, event: Event) -> None:
        state = self.state
        findings = event.get("finding")
        polarity = state.same_as if state.scope == "same" else _POLARITY[state.scope]
        labels = tuple(meaning.value for meaning in findings)
        self._add(index, labels, findings[0].level if findings else NAMED, polarity)
        state.count += 1
        state.pending = None
        state.subjects, state.touched = [], False

    def _add(
        self, index: int, labels: tuple[str, ...], level: int, polarity: Polarity | None, *, by_word: bool = True
    ) -> None:
        state = self.state
        self.found.append(Mention(labels, level, polarity, index, state.link, state.clause, by_word))
        state.link, state.before, state.verb = "plain", "mention", False

    def _subject(self, index: int, event: Event) -> None:
        state = self.state
        name = event.get("subject")[0].value
        if name == "process":
            if state.scope == "negated":
                self._add(index, NO_ACUTE_PROCESS, IMPLIED, "absent", by_word=False)
                state.count += 1
            return
        if state.pending is not None:
            predicate, scope, end = state.pending
            if event.start - end <= _REACH_OF_ADJECTIVE or state.before == "connector":
                state.pending = (predicate, scope, event.end)
                if self._say(index, name, predicate, scope):
                    state.before = "subject"
                    return
            else:
                state.pending = None
        if state.touched or state.before not in {"subject", "connector"}:
            state.subjects = state.subjects if state.before == "connector" and not state.touched else []
            state.touched = False
        state.subjects = [*state.subjects[-7:], name]
        state.before = "subject"

    def _predicate(self, index: int, event: Event) -> None:
        state = self.state
        name = event.get("predicate")[0].value
        scope: Scope = {"negation": "negated", "uncertainty": "uncertain"}.get(state.before, "none")  # type: ignore[assignment]
        if state.scope == "question" and state.fresh:
            return
        attributive = self._is_next_to(index, "subject", "finding", "other")
        preceding = self.events[index - 1] if index else None
        told_of = preceding is not None and preceding.end == event.start and preceding.has("subject")
        if (
            state.subjects
            and not (attributive and (event.has("severity") or not told_of))
            and not (state.touched and attributive)
        ):
            said = [self._say(index, subject, name, scope) for subject in dict.fromkeys(state.subjects)]
            state.touched = True
            state.before = "predicate"
            if any(said):
                return
        if not event.has("severity") or attributive:
            state.pending = (name, scope, event.end)
        state.before = "predicate"

    def _say(self, index: int, subject: str, predicate: str, scope: Scope) -> bool:
        said = SAID.get((subject, predicate, scope == "negated"))
        if said is None:
            return False
        labels, polarity, level = said
        if scope == "uncertain" and polarity == "present":
            polarity = "uncertain"
        self._add(index, labels, level, polarity, by_word=False)
        return True

    def _answers(self, index: int) -> bool:
        """Whether a "no" is the answer behind a colon: "Pneumothorax: no"."""
        event = self.events[index]
        if (
            not self._group_is_open()
            or event.start == 0
            or self.tokens[event.start - 1].word not in {":", "：", "-", "(", "="}
        ):
            return False
        behind = self.tokens[event.end].word if event.end < len(self.tokens) else "."
        return behind in {".", ",", ";", ")", "。", "，", "；", "،"}

    def _follows_mention(self, index: int) -> bool:
        """Whether a mention stands in the clause before this event, with no comma or cue after it."""
        return (
            bool(self.found) and self.found[-1].clause == self.state.clause and self.state.link == "plain" and index > 0
        )

    def _leads_to_mention(self, index: int) -> bool:
        """Whether the next event but places and degrees is a finding that directly follows."""
        end = self.events[index].end
        for event in self.events[index + 1 : index + 5]:
            if event.start - end > 1:
                return False
            if event.has("finding", "other"):
                return True
            if not event.has("side", "zone", "severity", "anew"):
                return False
            end = event.end
        return False

    def _leads_anywhere(self, index: int) -> bool:
        for event in self.events[index + 1 : index + 9]:
            if event.has("finding", "other", "predicate", "subject"):
                return True
            if event.has("end", "opening"):
                return False
        return False

    def _group_is_open(self) -> bool:
        return len(self.found) > self.state.settled

    def _group(self) -> list[Mention]:
        """Return the mentions that a cue behind them is about: the last one and the list that it closes."""
        found, state = self.found, self.state
        first = len(found) - 1
        while first > state.settled and found[first].clause == found[first - 1].clause:
            link = found[first].link
            if link in {"cue", "with", "new"} or (link in {"and", "list"} and state.opened):
                break
            if found[first - 1].polarity == "absent" and found[first].polarity != "absent":
                break
            first -= 1
        state.settled = len(found)
        return [mention for mention in found[first:] if mention.level < IMPLIED]

    def _settle_alternatives(self) -> None:
        """Leave both sides of an "or" uncertain, where neither is denied."""
        for index in range(1, len(self.found)):
            here, before = self.found[index], self.found[index - 1]
            if here.link not in {"or", "between"} or here.clause != before.clause:
                continue
            if {here.polarity, before.polarity} <= {"present", "uncertain"}:
                here.polarity = before.polarity = "uncertain"
                # "atelectasis, scarring, or pneumonia": a comma before the "or" takes the list along.
                back = index - 1
                if here.link == "or" and self._comma_before_or(here):
                    while back > 0 and self.found[back].link == "list" and self.found[back - 1].polarity == "present":
                        back -= 1
                        self.found[back].polarity = "uncertain"

    def _comma_before_or(self, mention: Mention) -> bool:
        for index in range(mention.event - 1, max(mention.event - 6, 0), -1):
            if self.events[index].has("or"):
                return self.events[index - 1].has("comma")
        return False
