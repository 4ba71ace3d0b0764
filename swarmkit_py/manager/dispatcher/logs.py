"""Owns the logs of tasks on other nodes: a subscription goes down to their nodes, lines come back, nothing is kept.

A slow reader slows the sources, not the sessions: nodes may send only so far ahead (`LOG_WINDOW`).
Counterpart: swarmkit/manager/logbroker/broker.go.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable

from swarmkit_py.errors import Unavailable
from swarmkit_py.ids import Ids
from swarmkit_py.manager.dispatcher.sessions import Session, Sessions
from swarmkit_py.model.objects import Task
from swarmkit_py.rpc.channel import ChannelClosed
from swarmkit_py.rpc.messages import (
    LOG_WINDOW,
    LogCredit,
    LogLineMessage,
    LogLines,
    LogSubscribe,
    LogUnsubscribe,
    Message,
)
from swarmkit_py.runtime.base import LogOptions


class _Subscription:
    """One reader, and the nodes that have not yet said they are done."""

    def __init__(self, subscription_id: str) -> None:
        self.id = subscription_id
        self.open: dict[str, Session] = {}
        self.queue: asyncio.Queue[tuple[Session, LogLines]] = asyncio.Queue()
        self.ended: set[str] = set()
        """Nodes whose last batch is in the queue."""
        self.problems: list[str] = []

    def put(self, session: Session, batch: LogLines) -> None:
        self.queue.put_nowait((session, batch))
        if batch.done:
            self.ended.add(session.node_id)


class LogBroker:
    """`subscribe` for readers; `publish` and `session_ended` for the dispatcher."""

    def __init__(self, sessions: Sessions, ids: Ids) -> None:
        self._sessions, self._ids = sessions, ids
        self._subscriptions: dict[str, _Subscription] = {}

    async def subscribe(
        self, tasks: Iterable[Task], options: LogOptions
    ) -> AsyncIterator[tuple[Task, LogLineMessage]]:
        """Lines of these tasks as their nodes send them, until all are done (or, with `follow`, until closed).
        Raises Unavailable at the end if a node could not be asked: what came is incomplete."""
        by_id = {task.id: task for task in tasks if task.node_id}
        subscription = _Subscription(self._ids.object_id())
        self._subscriptions[subscription.id] = subscription
        try:
            self._ask_nodes(subscription, by_id, options)
            while subscription.open or not subscription.queue.empty():
                session, batch = await subscription.queue.get()
                for line in batch.lines:
                    if line.task_id in by_id:
                        yield by_id[line.task_id], line
                self._after(subscription, session, batch)
        finally:
            del self._subscriptions[subscription.id]
            for session in subscription.open.values():
                _send(session, LogUnsubscribe(subscription=subscription.id))
        if subscription.problems:
            raise Unavailable("incomplete log stream: " + "; ".join(subscription.problems))

    def publish(self, session: Session, batch: LogLines) -> None:
        """A node sent lines. One that sends more than it was allowed to is not listened to any more."""
        subscription = self._subscriptions.get(batch.subscription)
        if subscription is None or session.node_id not in subscription.open or session.node_id in subscription.ended:
            return
        if subscription.queue.qsize() > (LOG_WINDOW + 1) * len(subscription.open):
            batch = LogLines(subscription=subscription.id, done=True, error="it sent more than it was asked for")
        subscription.put(session, batch)

    def session_ended(self, session: Session) -> None:
        """A node's session is over: its readers must not wait for it."""
        for subscription in self._subscriptions.values():
            if subscription.open.get(session.node_id) is session:
                gone = LogLines(subscription=subscription.id, done=True, error="the node's session ended")
                subscription.put(session, gone)

    def _ask_nodes(self, subscription: _Subscription, tasks: dict[str, Task], options: LogOptions) -> None:
        by_node: dict[str, list[str]] = defaultdict(list)
        for task in tasks.values():
            by_node[task.node_id].append(task.id)
        for node_id, task_ids in by_node.items():
            session = self._sessions.get(node_id)
            if session is None or not _send(session, _request(subscription.id, task_ids, options)):
                subscription.problems.append(f"node {node_id} is not available")
            else:
                subscription.open[node_id] = session

    def _after(self, subscription: _Subscription, session: Session, batch: LogLines) -> None:
        if not batch.done:
            _send(session, LogCredit(subscription=subscription.id))
        elif subscription.open.pop(session.node_id, None) is not None and batch.error:
            subscription.problems.append(f"node {session.node_id}: {batch.error}")


def _request(subscription: str, task_ids: list[str], options: LogOptions) -> LogSubscribe:
    return LogSubscribe(
        subscription=subscription, task_ids=task_ids, stdout=options.stdout, stderr=options.stderr,
        follow=options.follow, tail=options.tail, since=options.since,
    )


def _send(session: Session, message: Message) -> bool:
    try:
        session.channel.send(message)
    except ChannelClosed:
        return False
    return True
