"""Pictures of workflows: SVG, and a page of HTML that needs nothing else."""
