"""Addresses that other systems call by themselves: no session, no form token, signed messages only."""

from webapp.hooks.blueprint import blueprint

__all__ = ["blueprint"]
