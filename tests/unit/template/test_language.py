"""The language of templates: each construct once, and every mistake a sentence."""

from __future__ import annotations

import pytest

from swarmkit_py.errors import InvalidArgument
from swarmkit_py.template.language import Fields, expand

CONTEXT = Fields(
    Service=Fields(ID="s1", Name="web", Labels={"tier": "front", "com.example.x": "dotted"}),
    Node=Fields(ID="n1", Hostname="worker1"), Task=Fields(Slot="3"))


@pytest.mark.parametrize(("source", "wanted"), [
    ("plain } { text", "plain } { text"),
    ("{{.Service.Name}}-{{ .Task.Slot }}", "web-3"),
    ('{{index .Service.Labels "com.example.x"}}', "dotted"),
    ('{{index .Service.Labels "none"}}!', "!"),
    ("{{.Service.Labels.tier}}", "front"),
    ('{{join "|" "a" ")"}}', "a|)"),
    ("{{.Service.Labels}}", "map[com.example.x:dotted tier:front]"),
    ('{{join "-" .Service.Name "a" `b"c`}}', 'web-a-b"c'),
    ('{{.Node.Hostname | printf "%s=%q" "host"}}', 'host="worker1"'),
    ('{{printf "%03d%%" 7}}', "007%"),
    ("a {{- /* not trimmed by a comment's own words */ -}} b", "ab"),
    ("a  {{- .Task.Slot -}}  b", "a3b"),
    ('{{if eq .Task.Slot "1"}}first{{else if eq .Task.Slot "3"}}third{{else}}other{{end}}', "third"),
    ('{{if and (ne .Task.Slot "1") (not false)}}yes{{end}}', "yes"),
    ('{{if index .Service.Labels "none"}}yes{{else}}no{{end}}', "no"),
    ('{{len .Service.Name}} {{print 1 "a" true}} {{or "" "x"}}', "3 1atrue x"),
    ('{{"a\\n\\u00e9"}}', "a\né"),
])
def test_what_is_understood(source: str, wanted: str) -> None:
    assert expand(source, CONTEXT) == wanted


@pytest.mark.parametrize(("source", "said"), [
    ("{{.Service.Nam}}", "can't evaluate field Nam"),
    ("{{.Service.Name.x}}", "can't evaluate field x"),
    ("{{.Service.Labels.none}}", 'map has no entry for key "none"'),
    ("{{nope 1}}", 'function "nope" not defined'),
    ("{{range .Service.Labels}}x{{end}}", "{{range}} is not there"),
    ("{{$x := 1}}", "unexpected '$x := 1'"),
    ("{{.Service.Name", "unclosed action"),
    ("{{if true}}x", "without its {{end}}"),
    ("{{end}}", "unexpected {{end}}"),
    ("{{}}", "missing value"),
    ("{{ | print}}", "missing value"),
    ("{{(print 1}}", "unclosed left paren"),
    ("{{.Task.Slot 1}}", "can't give argument to non-function .Task.Slot"),
    ('{{printf "%x" 1}}', "is not understood"),
    ("{{index .Task.Slot 1}}", "error calling index"),
    ("{{join}}", "error calling join"),
    ("{{not}}", "error calling not"),
    ("{{secret \"x\"}}", 'function "secret" not defined'),
])
def test_what_is_refused(source: str, said: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        expand(source, CONTEXT)
    assert said in caught.value.message
