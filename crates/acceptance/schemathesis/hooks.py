"""What schemathesis does not know: how a body of lines of JSON is written and read."""

import json

import jsonschema_rs
import schemathesis


@schemathesis.serializer("application/x-ndjson")
def lines(_context, value):
    """One line for each row, or one line."""
    rows = value if isinstance(value, list) else [value]
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


@schemathesis.check
def every_line_fits_its_schema(_context, response, case):
    """A schema is of one line, where schemathesis would hold the whole body against it."""
    if not any("application/x-ndjson" in value for value in response.headers.get("content-type", [])):
        return
    described = case.operation.definition.raw["responses"][str(response.status_code)]
    of_line = described["content"]["application/x-ndjson"]["schema"]
    components = case.operation.schema.raw_schema["components"]
    line_is = jsonschema_rs.Draft202012Validator({**of_line, "components": components})
    *lines, rest = response.text.split("\n")
    assert rest == "", "the last line does not end"
    for line in lines:
        line_is.validate(json.loads(line))
