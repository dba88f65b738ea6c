"""Whether a deployed workflow will reach its Databricks workspaces: asked of the real workspace and the real account.

stacks -> workspaces -> needs                     what the workflows submit, and to whom
account -> values                                 what CloudFormation's functions stand for
host, secret -> sign_in -> offers, s3_access      the checks, which each give findings
check -> console                                  side by side, and a line for each
"""
