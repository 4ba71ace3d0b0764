"""Owns the guide's loop: wait for an event or a key, look, judge, draw. What it shows is decided in `screen`."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable

from labs.kit.checks import GraderError
from labs.kit.comparing import compare
from labs.kit.incidents import arrive
from labs.kit.judge import CONVERGING, ERROR, FAILED, PASSED, Result, score
from labs.kit.picture import draw
from labs.kit.referee import Referee
from labs.kit.screen import ANSWER, ASK_RESET, COMPARE, HELP, LIST, WATCH, Screen, allowed_keys, render_screen
from labs.kit.session import start_again
from labs.kit.solution import open_steps
from labs.kit.terminal import AWAY, HERE, height, read_keys, show, width
from labs.kit.told import told
from labs.kit.watcher import Watcher
from labs.kit.words import Words

DEBOUNCE, LONGEST_BURST = 0.2, 1.0
TICK = 2.0
"""Seconds between glances at the clock and at what other processes wrote; the cluster is not asked for that."""
MOST_KEYS = 8
"""More than this at once were pasted, not pressed."""

LOOK_AGAIN = 5.0
"""Seconds after which a step that is not done is looked at without an event: one may be lost where a daemon leaves a
swarm or begins one, and a guide that goes on showing what was would be believed."""

YES = {"y", "o"}


class Guide:
    """One student in front of one lab."""

    def __init__(
        self, referee: Referee, words: Words, *, plain: bool, colour: bool, option: str = "",
        open_terminal: Callable[[str], None] | None = None, notice: str = "",
    ) -> None:
        self.referee, self.words, self.colour = referee, words, colour
        self._open_terminal = open_terminal
        self._started = self._looked = time.monotonic() - referee.progress.seconds
        self._looked = time.monotonic()
        self._opening: list[tuple[str, ...]] | None = None
        self._stamp = referee.store.stamp()
        self.screen = Screen(referee.lab, plain=plain, seed=referee.run.seed, option=option, notice=notice,
                             tmux=open_terminal is not None, away=open_terminal is not None,
                             max_points=referee.max_points)
        self.quit = self._resized = self._interrupted = False

    def run(self) -> None:
        """Until the student quits, or the cluster ends."""
        watcher = Watcher(self.referee.eyes.engines.values())
        before = {number: signal.signal(number, lambda *_, act=act: act(watcher))
                  for number, act in ((signal.SIGWINCH, self._resize), (signal.SIGINT, self._interrupt))}
        try:
            self.referee.enter(self.referee.progress.step)
            self._take_progress()
            self.refresh()
            while not self.quit:
                self._turn(watcher)
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
            watcher.close()
            self._save()

    def _resize(self, watcher: Watcher) -> None:
        """A signal handler: the drawing is done by the loop, which this wakes."""
        self._resized = True
        watcher.poke()

    def _interrupt(self, watcher: Watcher) -> None:
        """Ctrl-C, also a signal handler: meant for a command in the shell more often than for the lab, whose cluster
        would end. The second in a row is meant."""
        if self._interrupted:
            raise KeyboardInterrupt
        self._interrupted = True
        watcher.poke()

    def _turn(self, watcher: Watcher) -> None:
        due = self.referee.judge.next_look(self.screen.results) if self.screen.mode == WATCH else None
        woken = watcher.wait(sys.stdin.fileno(), min(TICK, due) if due is not None else TICK)
        if self._resized:
            self._resized = False
            self.draw()
        if self._interrupted and "key" not in woken:
            self.screen.mode, self.screen.notice = WATCH, self.words("screen.interrupted")
        if "key" in woken:
            keys = read_keys(sys.stdin.fileno())
            self.quit = self.quit or not keys and not sys.stdin.isatty()
            self._interrupted = False
            self.take(self._seated(keys))
        if "event" in woken:
            watcher.quiet(DEBOUNCE, LONGEST_BURST)
        if self.referee.store.stamp() != self._stamp:
            self.referee.reload()
            self._take_progress()
            woken.add("event")
        if self.screen.mode == COMPARE:
            self._compare(0)  # a command is kept when it ends, which may be after its step has passed
        if "event" in woken or (due is not None and not woken and due <= TICK) or self._looked_long_ago():
            self.refresh()
        else:
            self.draw()

    def _looked_long_ago(self) -> bool:
        waits = self.screen.mode == WATCH and bool(self.screen.now.checks) and not self.screen.done
        return waits and time.monotonic() - self._looked > LOOK_AGAIN

    def _take_progress(self) -> None:
        progress = self.referee.progress
        if progress.step != self.screen.step:
            self._opening = None
        self.screen.step, self.screen.said = progress.step, progress.said
        self.screen.hint_level = progress.hints.get(self.screen.now.id, 0)
        self.screen.finished = progress.finished
        self.screen.challenge, self.screen.shown = progress.challenge, frozenset(progress.shown)
        self.screen.hints_seen = sum(progress.hints.values())
        self._stamp = self.referee.store.stamp()

    def _save(self) -> None:
        self.referee.progress.seconds = time.monotonic() - self._started
        self.referee.store.save_progress(self.referee.progress)
        self._stamp = self.referee.store.stamp()

    def draw(self) -> None:
        self.screen.minutes = int((time.monotonic() - self._started) // 60)
        if not self.screen.finished:
            self.screen.earned = self.referee.earned
        show(render_screen(self.screen, self.words, width(), height()), self.colour)

    def refresh(self) -> None:
        """Look at the cluster and judge this step."""
        if self._opening is None:
            self.screen.checking = True
            self.draw()
        self.screen.goal = self.referee.goal(self.screen.now)
        try:
            arrive(self.referee)
            world = self.referee.see()
            self.screen.picture = draw(world, self.referee.params.get("service", ""))
            self.screen.results = self.referee.judge_step(self.screen.now)
            self.screen.truths = self.referee.truths()
        except GraderError as error:
            self.screen.results = [Result("look", ERROR, error=str(error))]
            self._end_if_gone()
        self._note_opening()
        self._note_done()
        self._looked, self.screen.checking = time.monotonic(), False
        self._stamp = self.referee.store.stamp()
        if self.screen.challenge and self.screen.done and not self.screen.last:
            self._next()  # those who know are not made to press a key for what holds already
        self.draw()

    def _note_opening(self) -> None:
        """Nothing went wrong as long as everything is as it was when the step began; that a check's time is up is
        nobody's doing."""
        now: list[tuple[str, ...]] = [
            (result.code, FAILED if result.status == CONVERGING else result.status, str(result.actual),
             str(result.facts), result.mistake) for result in self.screen.results]
        if self._opening is None:
            self._opening = now
        self.screen.untouched = now == self._opening

    def _note_done(self) -> None:
        """A passed step stays passed for this: its solution may be seen from now on."""
        step, progress = self.screen.now.id, self.referee.progress
        if self.screen.done and step not in progress.done:
            progress.done.add(step)
            self._save()
        self.screen.open_steps = tuple(open_steps(self.referee.lab, progress))

    def _end_if_gone(self) -> None:
        if not self.referee.eyes.cluster_lives():
            self.quit = True
            self.screen.notice = self.words("screen.gone")

    def _seated(self, keys: list[str]) -> list[str]:
        """The keys without what the terminal says of where the keyboard is: that is noted."""
        for key in keys:
            if key in (HERE, AWAY):
                self.screen.away = self.screen.tmux and key == AWAY
        return [key for key in keys if key not in (HERE, AWAY)]

    def take(self, keys: list[str]) -> None:
        """Keys that came at once. A whole line is meant for a shell: it may hold a q, and ends nothing here."""
        if len(keys) > MOST_KEYS and self.screen.mode != ANSWER:
            self.screen.notice = self.words("screen.pasted")
            self.draw()
            return
        for key in keys:
            self.press(key)

    def press(self, key: str) -> None:
        """One key; those that do nothing now do nothing."""
        if self.screen.mode == ANSWER:
            self._type(key)
        elif self.screen.mode == ASK_RESET:
            self.screen.mode = WATCH
            if key.lower() in YES:
                self._reset()
        elif self.screen.mode == COMPARE and key in allowed_keys(self.screen):
            self._compare(1 if key == "n" else -1)
        elif self.screen.mode in (HELP, LIST, COMPARE):
            self.screen.mode = WATCH
        elif key in allowed_keys(self.screen):
            self.screen.notice = ""
            self._act(key)
        self.draw()

    def _act(self, key: str) -> None:
        actions: dict[str, Callable[[], None]] = {
            "n": self._next, "h": self._hint, "p": self._predict, "t": self._terminal, "q": self._quit,
            "s": self._solution, "c": self._commands,
            "l": lambda: self._mode(LIST), "?": lambda: self._mode(HELP), "x": lambda: self._mode(ASK_RESET),
        }
        actions[key]()

    def _mode(self, mode: str) -> None:
        self.screen.mode = mode

    def _quit(self) -> None:
        self.quit = True

    def _terminal(self) -> None:
        if self._open_terminal is not None:
            self._open_terminal(self.words.expand(self.screen.now.on))

    def _commands(self) -> None:
        """In a challenge: what the step would have shown. It is noted."""
        self.referee.progress.shown.add(self.screen.now.id)
        self._save()
        self._take_progress()

    def _solution(self) -> None:
        """The reference beside one's own lines: of this step, or of the last one before it that may be seen."""
        steps = self.screen.open_steps
        number = max((one for one in steps if one <= self.screen.step), default=steps[-1])
        self.screen.mode, self.screen.compared = COMPARE, compare(self.referee, number)

    def _compare(self, way: int) -> None:
        """The next step that may be seen, or the one before, or this one as it is by now."""
        if self.screen.compared is not None:
            steps = self.screen.open_steps
            number = steps[steps.index(self.screen.compared.number) + way]
            self.screen.compared = compare(self.referee, number)

    def _hint(self) -> None:
        hints = self.referee.progress.hints
        hints[self.screen.now.id] = self.screen.hint_level + 1
        self._save()
        self._take_progress()

    def _predict(self) -> None:
        self.screen.mode, self.screen.asking, self.screen.typed = ANSWER, self.screen.question, ""

    def _type(self, key: str) -> None:
        if key in ("\r", "\n"):
            self._answer()
        elif key in ("\x7f", "\b"):
            self.screen.typed = self.screen.typed[:-1]
        elif key == "\x1b":
            self.screen.mode = WATCH
        elif key.isprintable() and len(self.screen.typed) < 40:
            self.screen.typed += key

    def _answer(self) -> None:
        code, self.screen.mode = self.screen.asking, WATCH
        if self.screen.typed and self.referee.predict(code, self.screen.typed) is None:
            self.screen.notice = self.words("screen.unread", form=self.words(f"predictions.{code}.form"))
        elif self.screen.typed:
            if self.screen.unanswered:
                self._predict()
            elif self.screen.now.checks or self.screen.now.also or self.screen.challenge:
                self.refresh()  # what was read is judged at once: no event of the cluster tells of an answer
        self._stamp = self.referee.store.stamp()

    def _next(self) -> None:
        if self.screen.last:
            self._inspect()
            return
        self._save()
        self.referee.enter(self.screen.step + 1)
        self._take_progress()
        self.screen.results, self.screen.picture = [], self.screen.picture
        self.refresh()

    def _inspect(self) -> None:
        """The last judgement: everything, in the present state, and the grader's own action."""
        self.screen.notice, self.screen.checking = self.words("screen.inspecting"), True
        self.draw()
        try:
            self.referee.see()
            results = self.referee.judge_all(perturb=True)
        except GraderError as error:
            results = [Result("look", ERROR, error=str(error))]
        self.screen.notice, self.screen.checking, self.screen.inspected = "", False, results
        over = self.referee.lab.exam and all(result.status != ERROR for result in results)
        if over or all(result.status == PASSED for result in results):
            self.referee.progress.finished = self.screen.finished = True
            self.screen.earned = score(results)
            self.screen.open_steps = tuple(open_steps(self.referee.lab, self.referee.progress))
        self._save()

    def _reset(self) -> None:
        def say(key: str) -> None:
            self.screen.notice = self.words(key)
            self.draw()

        try:
            start_again(self.referee, say)
            self.screen.notice = ""
        except GraderError as error:
            self.screen.notice = told(str(error), self.words)
        self.screen.inspected, self._opening, self.screen.open_steps = [], None, ()
        self._started = time.monotonic()
        self._take_progress()
        self.refresh()
