"""Values as JSON text that loses no digit of a number: what travels through the table.

`$string` keeps 15 digits of a number. What it leaves of one is a number of few digits itself, so the two together are
exact: `{"zflow:number": [0.851234018802643, -2.22044604925031e-16]}` is 0.8512340188026428.
"""

from zflow_constructs.core.values.number_text import json_function

_MARK = "zflow:number"
_NUMBER = (
    "$rest := $v - $number($string($v)); $rest = 0 ? $string($v) : "
    f'\'{{"{_MARK}":[\' & $string($v) & "," & $string($rest) & "]}}"'
)
_TEXT = json_function("text", number=_NUMBER)
_VALUE = (
    'function($v) { $type($v) = "array" ? $reduce($v, function($all, $x) { '
    '$append($all, $type($x) = "array" ? [[$value($x)]] : [$value($x)]) }, []) : $type($v) = "object" ? '
    f"($exists($v.`{_MARK}`) ? $sum($v.`{_MARK}`) : "
    "$merge([{}, $each($v, function($x, $k) { {$k: $value($x)} })])) : $v }"
)


def written(value: str) -> str:
    """JSONata of a value's text.

    Args:
        value: JSONata of the value, which may be a text, a number or null itself.
    """
    return f"($x := {value}; {_TEXT}; $text($x))"


def read(text: str) -> str:
    """JSONata of the value that `written` wrote.

    Args:
        text: JSONata of the text.
    """
    return f"($x := $parse({text}); $value := {_VALUE}; $value($x))"
