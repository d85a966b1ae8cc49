"""`python -m app` is `dx-bridge`: a deploy from the checkout has no console script."""

from app.cli import main

main(prog_name="dx-bridge")
