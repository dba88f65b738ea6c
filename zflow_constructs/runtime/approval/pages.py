"""The pages that people see: plain HTML, in which everything that comes from elsewhere is escaped."""

from html import escape

from questions import Question

_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:40rem;margin:3rem auto;padding:0 1rem;color:#1b1b1b}"
    "dt{font-weight:600}dd{margin:0 0 .5rem;overflow-wrap:anywhere}"
    "input,textarea{font:inherit;width:100%;box-sizing:border-box;padding:.4rem;margin-bottom:1rem}"
    "button{font:inherit;padding:.5rem 1.5rem;margin-right:1rem;border:1px solid;border-radius:.3rem;cursor:pointer}"
    ".approve{background:#17692b;color:#fff}.reject{background:#fff;color:#a11}small{color:#555}"
)


def asked(question: Question, key: str) -> str:
    """The question, and the form that decides it."""
    details = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in question.details.items())
    return _page(
        question.question,
        f"<dl>{details}</dl>"
        '<form method="post">'
        f'<input type="hidden" name="q" value="{escape(question.id)}">'
        f'<input type="hidden" name="k" value="{escape(key)}">'
        '<label>Your name<input name="name" maxlength="100" autocomplete="name"></label>'
        '<label>Why (this is kept with the decision)<textarea name="comment" maxlength="500" rows="3"></textarea>'
        "</label>"
        '<button class="approve" name="decision" value="approved">Approve</button>'
        '<button class="reject" name="decision" value="rejected">Reject</button>'
        "</form>"
        f"<p><small>Step {escape(question.step)} of the execution {escape(question.execution)} waits for this.</small>"
        "</p>",
    )


def told(title: str, text: str) -> str:
    """A page that says one thing."""
    return _page(title, f"<p>{escape(text)}</p>")


def _page(title: str, body: str) -> str:
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>"
        f"<body><h1>{escape(title)}</h1>{body}</body></html>"
    )
