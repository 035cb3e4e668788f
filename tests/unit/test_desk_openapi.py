"""The whole description against the running application: no failure of ours, nothing that it does not describe."""

from __future__ import annotations

import os

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from serving.api.app import create_app
from serving.desk import credentials
from serving.desk.schema import tokens
from tests.desks import TODAY

EXAMPLES = int(os.environ.get("REGULARS_EXAMPLES", "4"))
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


@pytest.fixture(scope="module")
def described(module_desk):
    """The application's schema and an admin's token."""
    filled = module_desk["sqlite"]
    with filled.desk.writing() as connection:
        token = credentials.make_token(connection, "test", "ada", "schemathesis")
        # a number that no drawn request names: else one revokes this token, and every later answer is a 401
        connection.execute(tokens.update().values(id=987_654_321))
    app = create_app(filled.desk, lambda: TODAY)
    headers = {"Authorization": f"Bearer {token}"}
    return schemathesis.openapi.from_asgi("/v1/openapi.json", app, headers=headers), headers


def test_the_description_covers_every_route_of_the_api_and_no_page(described):
    schema, _ = described
    paths = {route.path.replace(":path}", "}") for route in schema.app.routes if route.path.startswith("/v1/")}
    assert paths == set(schema.raw_schema["paths"])


def test_every_operation_answers_as_described(described):
    schema, headers = described
    for result in schema.get_all_operations():
        operation = result.ok()

        @settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        @given(operation.as_strategy() | operation.as_strategy(GenerationMode.NEGATIVE))
        def answers(case):
            case.call_and_validate(headers=headers, checks=CHECKS)

        answers()
    still = schema["/v1/weeks"]["GET"].Case().call(headers=headers)
    assert still.status_code == 200, "the token did not lose its force on the way"
