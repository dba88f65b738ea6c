"""Set before the CDK's process starts: its own validation costs seconds a template; cfn-lint looks at the examples'."""

import os

os.environ["CDK_VALIDATION"] = "false"
