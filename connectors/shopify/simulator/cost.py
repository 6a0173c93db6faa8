"""What a query costs, and the bucket it is paid from.

The formula was measured on 5,619 recorded operations of two real stores (96.8 % exact), not
documented: scalars 0, objects 1, a connection 2 + size(n) x (1 + its node's children) with
size(n) = floor(2 ln n), mutations 10, MoneyBag and the like 0.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLNamedType,
    GraphQLSchema,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
    get_named_type,
    is_abstract_type,
    is_leaf_type,
    is_object_type,
    value_from_ast_untyped,
)

#: More than this is refused before execution.
MAX_COST = 1000

#: The total own cost of a field where it is not the type's.
FIELD_COST = {"Mutation.fulfillmentTrackingInfoUpdate": 50, "Mutation.refundCreate": 20}
MUTATION_COST = 10
VALUE_TYPES = {"MoneyBag", "MoneyV2", "LocationAddress"}


def size(first: int | None) -> int:
    """How much a connection of this page size weighs: 1 -> 1, 10 -> 4, 50 -> 7, 250 -> 11."""
    return 0 if not first or first < 1 else max(1, math.floor(2 * math.log(first)))


class Costing:
    """The cost of one operation with its variables."""

    def __init__(
        self,
        schema: GraphQLSchema,
        fragments: Mapping[str, FragmentDefinitionNode],
        variables: Mapping[str, Any],
    ) -> None:
        self._schema = schema
        self._fragments = fragments
        self._variables = dict(variables)

    def requested(self, operation: OperationDefinitionNode) -> int:
        """Checked against the limit and the bucket before execution."""
        return max(1, round(self._of(operation, None)))

    def actual(self, operation: OperationDefinitionNode, answer: Mapping[str, Any] | None) -> int:
        """Charged after execution: like the request, with rows returned for rows asked for.

        An approximation: objects that were null cost nothing; an empty connection is charged in
        full (as recorded).
        """
        if answer is None:
            return self.requested(operation)
        return min(max(1, math.ceil(self._of(operation, [answer]))), self.requested(operation))

    def _of(self, operation: OperationDefinitionNode, answers: list[Any] | None) -> float:
        root = self._schema.get_root_type(operation.operation)
        assert root, "validated"
        return self._selections([operation.selection_set], root, answers)

    def _selections(
        self,
        sets: list[SelectionSetNode],
        parent: GraphQLNamedType,
        answers: list[Any] | None,
        *,
        payload: bool = False,
    ) -> float:
        concrete = (
            list(self._schema.get_possible_types(parent)) if is_abstract_type(parent) else [parent]
        )
        return max(
            (self._fields(sets, parent, each, answers, payload) for each in concrete), default=0.0
        )

    def _fields(
        self,
        sets: list[SelectionSetNode],
        declared: GraphQLNamedType,
        concrete: GraphQLNamedType,
        answers: list[Any] | None,
        payload: bool,
    ) -> float:
        merged: dict[str, list[FieldNode]] = {}
        for selection_set in sets:
            self._collect(selection_set, declared, concrete, merged)
        return sum(
            self._field(nodes, concrete, _below(answers, key), payload)
            for key, nodes in merged.items()
        )

    def _collect(
        self,
        selection_set: SelectionSetNode,
        declared: GraphQLNamedType,
        concrete: GraphQLNamedType,
        merged: dict[str, list[FieldNode]],
    ) -> None:
        """The fields that apply to the concrete type, by response key."""
        for node in selection_set.selections:
            if not self._is_on(node):
                continue
            if isinstance(node, FieldNode):
                key = node.alias.value if node.alias else node.name.value
                merged.setdefault(key, []).append(node)
                continue
            fragment: FragmentDefinitionNode | InlineFragmentNode
            if isinstance(node, FragmentSpreadNode):
                fragment = self._fragments[node.name.value]
            elif isinstance(node, InlineFragmentNode):
                fragment = node
            else:
                continue
            condition = fragment.type_condition
            on = self._schema.type_map[condition.name.value] if condition else declared
            if on in (concrete, declared) or (
                is_abstract_type(on) and self._schema.is_sub_type(on, concrete)
            ):
                self._collect(fragment.selection_set, on, concrete, merged)

    def _field(
        self,
        nodes: list[FieldNode],
        parent: GraphQLNamedType,
        answers: list[Any] | None,
        payload: bool,
    ) -> float:
        name = nodes[0].name.value
        fields = getattr(parent, "fields", {})
        if name.startswith("__") or name not in fields:
            return 0
        key = f"{parent.name}.{name}"
        kind = get_named_type(fields[name].type)
        if is_leaf_type(kind) or (answers is not None and not _objects(answers)):
            return FIELD_COST.get(key, 0)
        sets = [node.selection_set for node in nodes if node.selection_set]
        below = None if answers is None else _objects(answers)
        if parent is self._schema.mutation_type:
            return FIELD_COST.get(key, MUTATION_COST) + self._selections(
                sets, kind, below, payload=True
            )
        if kind.name.endswith("Connection"):
            return 2 + self._connection(nodes[0], sets, kind, below)
        own = 0 if payload or kind.name in VALUE_TYPES else 1
        return own + self._selections(sets, kind, _sample(below))

    def _connection(
        self,
        node: FieldNode,
        sets: list[SelectionSetNode],
        kind: GraphQLNamedType,
        answers: list[Any] | None,
    ) -> float:
        asked = self._page_size(node)
        returned = _rows(answers)
        item = 0.0
        for row_sets, row_kind in self._row_selections(sets, kind):
            own = 0 if row_kind.name in VALUE_TYPES else 1
            item += own + self._selections([row_sets], row_kind, _sample(returned or None))
        scale = 1.0
        if answers and returned and asked:
            scale = min(1.0, len(returned) / len(answers) / asked)
        return size(asked) * item * scale

    def _row_selections(
        self, sets: list[SelectionSetNode], kind: GraphQLNamedType
    ) -> list[tuple[SelectionSetNode, GraphQLNamedType]]:
        """What is selected of each row, through `nodes` and through `edges { node }`."""
        found: list[tuple[SelectionSetNode, GraphQLNamedType]] = []
        merged: dict[str, list[FieldNode]] = {}
        for each in sets:
            self._collect(each, kind, kind, merged)
        for nodes in merged.values():
            for node in nodes:
                if node.name.value not in ("nodes", "edges") or not node.selection_set:
                    continue
                below = _target(kind, node.name.value)
                if node.name.value == "nodes":
                    found.append((node.selection_set, below))
                else:
                    found += self._edge_rows(node.selection_set, below)
        return found

    def _edge_rows(
        self, selection_set: SelectionSetNode, edge: GraphQLNamedType
    ) -> list[tuple[SelectionSetNode, GraphQLNamedType]]:
        merged: dict[str, list[FieldNode]] = {}
        self._collect(selection_set, edge, edge, merged)
        row = _target(edge, "node")
        return [
            (node.selection_set, row)
            for nodes in merged.values()
            for node in nodes
            if node.name.value == "node" and node.selection_set
        ]

    def _page_size(self, node: FieldNode) -> int | None:
        sizes = {
            argument.name.value: value_from_ast_untyped(argument.value, self._variables)
            for argument in node.arguments or ()
            if argument.name.value in ("first", "last")
        }
        chosen = sizes.get("first")
        chosen = sizes.get("last") if chosen is None else chosen
        return chosen if isinstance(chosen, int) else None

    def _is_on(self, node: Any) -> bool:
        for directive in node.directives or ():
            if directive.name.value in ("skip", "include"):
                argument = (directive.arguments or (None,))[0]
                on = argument and value_from_ast_untyped(argument.value, self._variables)
                if (directive.name.value == "skip") == bool(on):
                    return False
        return True


def _target(parent: GraphQLNamedType, field_name: str) -> GraphQLNamedType:
    """The named type that a connection's or an edge's field leads to."""
    assert is_object_type(parent), "connections and edges are objects"
    target: GraphQLNamedType = get_named_type(parent.fields[field_name].type)
    return target


def _below(answers: list[Any] | None, key: str) -> list[Any] | None:
    """The answers under one response key, one per object."""
    if answers is None:
        return None
    return [answer.get(key) for answer in answers if isinstance(answer, dict)]


def _objects(answers: list[Any]) -> list[Any]:
    """Every object in the answers; lists count through their elements."""
    found: list[Any] = []
    for answer in answers:
        found += _objects(answer) if isinstance(answer, list) else [answer]
    return [each for each in found if isinstance(each, dict)]


def _rows(answers: list[Any] | None) -> list[Any]:
    rows: list[Any] = []
    for answer in answers or []:
        if "nodes" in answer:
            rows += answer["nodes"]
        else:
            rows += [edge.get("node") for edge in answer.get("edges") or []]
    return [row for row in rows if isinstance(row, dict)]


def _sample(answers: list[Any] | None) -> list[Any] | None:
    """Rows of a page are alike: a few of them are enough for an approximation."""
    return answers if answers is None else answers[:5]


class Bucket:
    """The leaky bucket of one app at one shop. Not locked: the simulator's lock guards it."""

    def __init__(self, *, maximum: float, restore: float, now: datetime) -> None:
        #: points; points per second of the simulator's clock
        self.maximum, self.restore = maximum, restore
        self._level, self._at = maximum, now

    def available(self, now: datetime) -> float:
        passed = max(0.0, (now - self._at).total_seconds())
        self._level = min(self.maximum, self._level + passed * self.restore)
        self._at = now
        return self._level

    def take(self, cost: float, *, now: datetime) -> bool:
        """Take the requested cost, or leave the bucket as it is."""
        if cost > self.available(now):
            return False
        self._level -= cost
        return True

    def give_back(self, cost: float) -> None:
        """The difference between requested and actual cost."""
        self._level = min(self.maximum, self._level + cost)

    def drain(self, *, now: datetime) -> None:
        """Somebody else used it up."""
        self._level, self._at = 0.0, now

    def status(self, now: datetime) -> dict[str, Any]:
        return {
            "maximumAvailable": float(self.maximum),
            "currentlyAvailable": math.floor(self.available(now)),
            "restoreRate": float(self.restore),
        }
