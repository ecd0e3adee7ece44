"""Words in, words out, exit codes: the only room that knows Typer and Rich."""
