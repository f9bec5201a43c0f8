"""The part of an incoming layout that says how lines are payments."""

from __future__ import annotations

from typing import Final

from webapp.domain.layouts.faults import Fault
from webapp.domain.layouts.inbound_model import PAYMENT_KINDS, InboundLayout, PaymentKind, PaymentWords
from webapp.domain.layouts.reading import Node, either, shown

_KEYS: Final = ("says", "actions", "positive_is")
_MOST_ACTIONS: Final = 200
_WHOSE: Final = frozenset({"emplid", "patron_id", "reference", "item_nbr", "barcode"})


def read_payment_words(node: Node) -> PaymentWords | None:
    """The member ``payments`` of a layout; None where the file is not about payments."""
    if not node.has("payments"):
        return None
    payments = Node(node.members["payments"], node.at("payments"), node.faults, _KEYS)
    payments.require("says")
    return PaymentWords(
        says=payments.choice("says", ("state", "event"), "event"),
        actions=_actions(payments),
        positive_is=payments.choice("positive_is", ("payment", "charge"), "payment"),
    )


def check_payment_columns(node: Node, layout: InboundLayout) -> None:
    """Note what is missing before a line of the file can be understood as a payment or as an item's state."""
    words = layout.payments
    if words is None:
        return
    fields = {column.field for column in layout.columns if column.field}
    if not fields & _WHOSE:
        node.refuse("payments", f"no column says whose money it is: {', '.join(sorted(_WHOSE))}")
    if not fields & {"applied_cents", "amount_cents"}:
        node.refuse("payments", "no column has the field applied_cents or amount_cents, so there is no money")
    if words.says == "state":
        _check_state(node, fields)
    if bool(words.actions) != ("line_action" in fields):
        node.refuse("payments", "actions and a column with the field line_action go together")


def _check_state(node: Node, fields: set[str]) -> None:
    if "applied_cents" not in fields and not {"amount_cents", "balance_cents"} <= fields:
        node.refuse(
            "payments", "a state needs applied_cents, or amount_cents and balance_cents, to tell what is paid"
        )
    if not fields & {"item_nbr", "item_type", "reference"}:
        node.refuse("payments", "a state needs a column that names the item: item_nbr, item_type, reference")
    payments = node.members["payments"]
    if isinstance(payments, dict) and payments.get("positive_is") == "charge":
        node.refuse("payments.positive_is", "belongs to events; what is paid of an item is above zero")


def _actions(payments: Node) -> dict[str, PaymentKind]:
    if not payments.has("actions"):
        return {}
    members = payments.members["actions"]
    if not isinstance(members, dict) or not 1 <= len(members) <= _MOST_ACTIONS:
        payments.refuse(
            "actions", 'must be an object of words, such as {"PAY": "payment", "WRO": "write_off"}'
        )
        return {}
    found: dict[str, PaymentKind] = {}
    for word, kind in members.items():
        folded, known = (
            str(word).strip().casefold(),
            next((one for one in PAYMENT_KINDS if one == kind), None),
        )
        if known is None:
            path = f"{payments.at('actions')}.{str(word)[:60]}"
            payments.faults.append(Fault(path, f"must be {either(PAYMENT_KINDS)}, not {shown(kind)}"))
        elif folded in found:
            payments.refuse("actions", f"{shown(word)} is there twice; capitals do not matter")
        else:
            found[folded] = known
    return found
