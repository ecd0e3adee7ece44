"""Requests, watching and transfers: the only room that talks to the network."""
