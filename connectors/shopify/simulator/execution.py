"""A GraphQL request from text to answer: parse, validate, price, pay, execute."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    DocumentNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLResolveInfo,
    GraphQLSchema,
    OperationDefinitionNode,
    get_named_type,
    is_object_type,
    parse,
    validate,
    value_from_ast_untyped,
)
from graphql.execution import ExecutionResult, execute

from connectors.shopify.simulator import (
    bulk,
    reading,
    reading_orders,
    reading_returns,
    reading_stock,
    writing,
)
from connectors.shopify.simulator.access import (
    FIELD_RULES,
    PROTECTED_FIELDS,
    TYPE_RULES,
    Rule,
)
from connectors.shopify.simulator.call import Call, denied, internal, protected
from connectors.shopify.simulator.cost import MAX_COST, Bucket, Costing
from connectors.shopify.simulator.refusal import LIMITS_PAGE
from connectors.shopify.simulator.resolving import TYPE_NAMES, Resolvers
from connectors.shopify.simulator.schema import load_schema
from connectors.shopify.simulator.validation import (
    array_errors,
    parse_error,
    reworded,
    variable_errors,
)

Answer = dict[str, Any]
RESOLVERS = Resolvers(
    {
        **reading.RESOLVERS,
        **reading_orders.RESOLVERS,
        **reading_returns.RESOLVERS,
        **reading_stock.RESOLVERS,
        **writing.RESOLVERS,
        **bulk.RESOLVERS,
    }
)
_WORD_START = re.compile(r"(?<!^)(?=[A-Z])")
#: Parsed documents kept; a client has few.
_KEPT = 500


@dataclass(frozen=True)
class Prepared:
    """A document, parsed and validated once."""

    document: DocumentNode | None
    errors: list[Answer]
    operations: list[OperationDefinitionNode] = field(default_factory=list)
    fragments: Mapping[str, FragmentDefinitionNode] = field(default_factory=dict)

    def operation(self, name: str | None) -> OperationDefinitionNode | None:
        """The named operation, or the only one."""
        if name:
            named = [one for one in self.operations if one.name and one.name.value == name]
            return named[0] if named else None
        return self.operations[0] if len(self.operations) == 1 else None


class Executor:
    """Answers GraphQL requests. One per simulator; guarded by its lock."""

    def __init__(self) -> None:
        self.schema = load_schema()
        self._rules = _rules_by_field(self.schema)
        self._snake: dict[str, str] = {}
        self._prepared: dict[str, Prepared] = {}

    def prepare(self, text: str) -> Prepared:
        """Parse and validate, once per text. Safe to call from several threads."""
        prepared = self._prepared.get(text)
        if prepared is None:
            prepared = self._read(text)
            if len(self._prepared) >= _KEPT:
                self._prepared.clear()
            self._prepared[text] = prepared
        return prepared

    def _read(self, text: str) -> Prepared:
        try:
            document = parse(text)
        except GraphQLError as error:
            return Prepared(None, [parse_error(error, text)])
        operations = [d for d in document.definitions if isinstance(d, OperationDefinitionNode)]
        fragments = {
            d.name.value: d for d in document.definitions if isinstance(d, FragmentDefinitionNode)
        }
        problems = [reworded(error, document) for error in validate(self.schema, document)]
        return Prepared(document, problems, operations, fragments)

    def run(
        self,
        text: str,
        variables: Mapping[str, Any],
        operation_name: str | None,
        *,
        call: Call,
        bucket: Bucket,
    ) -> Answer:
        """The answer's JSON. Errors of the request itself come without data and without cost."""
        prepared = self.prepare(text)
        if prepared.errors:
            return {"errors": prepared.errors}
        operation = prepared.operation(operation_name)
        if operation is None:
            known = operation_name and prepared.operations
            message = (
                f'No operation named "{operation_name}"'
                if known
                else "An operation name is required"
            )
            return {"errors": [{"message": message}]}
        problems = variable_errors(self.schema, operation, variables)
        problems = problems or array_errors(operation, variables)
        if problems:
            return {"errors": problems}
        costing = Costing(self.schema, prepared.fragments, _with_defaults(operation, variables))
        return self._paid(prepared, operation, variables, costing, call, bucket)

    def _paid(
        self,
        prepared: Prepared,
        operation: OperationDefinitionNode,
        variables: Mapping[str, Any],
        costing: Costing,
        call: Call,
        bucket: Bucket,
    ) -> Answer:
        now = call.shop.clock.now()
        requested = costing.requested(operation)
        if requested > MAX_COST:
            return {"errors": [_too_expensive(requested)]}
        if not bucket.take(requested, now=now):
            return throttled(requested, bucket.status(now))
        result = self._execute(prepared, operation, variables, call)
        actual = costing.actual(operation, result.data)
        bucket.give_back(requested - actual)
        answer: Answer = {}
        if result.errors:
            answer["errors"] = [_shown(error) for error in result.errors]
        answer["data"] = None if call.broken else result.data
        answer["extensions"] = {"cost": _cost(requested, actual, bucket.status(now))}
        if call.searches:
            answer["extensions"]["search"] = call.searches
        return answer

    def _execute(
        self,
        prepared: Prepared,
        operation: OperationDefinitionNode,
        variables: Mapping[str, Any],
        call: Call,
    ) -> ExecutionResult:
        assert prepared.document, "validated"
        result = execute(
            self.schema,
            prepared.document,
            context_value=call,
            variable_values=dict(variables),
            operation_name=operation.name.value if operation.name else None,
            field_resolver=self._resolve,
            type_resolver=_type_name,
        )
        assert isinstance(result, ExecutionResult), "no resolver is asynchronous"
        for error in result.errors or ():
            if "code" not in (error.extensions or {}):
                raise error.original_error or error  # a defect of the simulator: never an answer
        return result

    def _resolve(self, source: Any, info: GraphQLResolveInfo[Any], **arguments: Any) -> Any:
        call: Call = info.context
        call.info = info
        key = (info.parent_type.name, info.field_name)
        if call.broken and source is None:
            self._fail_key(call, info, arguments)
            raise internal(call.request_id)
        for rule in self._rules.get(key, ()):
            if not call.may(rule):
                raise denied(info.field_name, rule)
        if key in PROTECTED_FIELDS and not call.sees_buyers:
            raise protected(info.field_name)
        resolver = RESOLVERS.get(key)
        if resolver is not None:
            return resolver(source, call, arguments)
        if isinstance(source, dict):
            return source.get(info.field_name)
        return getattr(source, self._attribute(info.field_name))

    def _fail_key(
        self, call: Call, info: GraphQLResolveInfo[Any], arguments: dict[str, Any]
    ) -> None:
        """A mutation that broke spoils its idempotency key."""
        key = writing.key_of(info.field_nodes[0], info.variable_values.coerced)
        if key is not None:
            now = call.shop.clock.now()
            call.attempts.keep(key, info.field_name, arguments, None, now=now)

    def _attribute(self, field_name: str) -> str:
        if field_name not in self._snake:
            self._snake[field_name] = _WORD_START.sub("_", field_name).lower()
        return self._snake[field_name]


def throttled(requested: int, status: Answer) -> Answer:
    """HTTP 200, no data key."""
    return {
        "errors": [
            {
                "message": "Throttled",
                "extensions": {"code": "THROTTLED", "documentation": LIMITS_PAGE},
            }
        ],
        "extensions": {"cost": _cost(requested, None, status)},
    }


def _cost(requested: int, actual: int | None, status: Answer) -> Answer:
    return {
        "requestedQueryCost": requested,
        "actualQueryCost": actual,
        "throttleStatus": status,
    }


def _too_expensive(cost: int) -> Answer:
    return {
        "message": f"Query cost is {cost}, which exceeds the single query max cost limit"
        f" ({MAX_COST}).\n\nSee {LIMITS_PAGE} for more information on how the cost of a query is"
        " calculated.",
        "extensions": {
            "code": "MAX_COST_EXCEEDED",
            "cost": cost,
            "maxCost": MAX_COST,
            "documentation": LIMITS_PAGE,
        },
    }


def _with_defaults(
    operation: OperationDefinitionNode, variables: Mapping[str, Any]
) -> dict[str, Any]:
    defaults = {
        definition.variable.name.value: value_from_ast_untyped(definition.default_value)
        for definition in operation.variable_definitions or ()
        if definition.default_value is not None
    }
    return {**defaults, **variables}


def _shown(error: GraphQLError) -> Answer:
    shown: Answer = {"message": error.message}
    if error.locations:
        shown["locations"] = [
            {"line": place.line, "column": place.column} for place in error.locations
        ]
    shown["extensions"] = error.extensions
    if error.path:
        shown["path"] = error.path
    return shown


def _type_name(value: Any, info: GraphQLResolveInfo[Any], abstract_type: Any) -> str:
    return TYPE_NAMES[type(value)]


def _rules_by_field(schema: GraphQLSchema) -> dict[tuple[str, str], list[Rule]]:
    """What each field demands: its own rule, and that of the type it leads to."""
    found: dict[tuple[str, str], list[Rule]] = {}
    for name, kind in schema.type_map.items():
        if not is_object_type(kind) or name.startswith("__"):
            continue
        if name.endswith(("Connection", "Edge")):
            continue  # the connection field itself was checked
        for field_name, definition in kind.fields.items():
            target = get_named_type(definition.type).name.removesuffix("Connection")
            rules = [FIELD_RULES.get((name, field_name)), TYPE_RULES.get(target)]
            found[name, field_name] = [rule for rule in rules if rule]
    return {key: rules for key, rules in found.items() if rules}
