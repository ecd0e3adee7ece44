"""The story: submit, follow, wait, fetch, cancel, settle. Start reading here.

`submitting` writes an intent down and lets `sending` send it; `settling` finds out what became of a lost answer.
`following` looks and waits, `fetching` downloads, `ending` cancels and deletes, `listing` asks the provider what it
knows; `references` turns what people type into tasks. No HTTP, no SQL and no formatting here: the runtime hands in
providers, the history, the clock and the listener.
"""
