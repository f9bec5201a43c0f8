"""Members of a campus, people of the consortium, and onboarding."""

from __future__ import annotations

import pytest

from tests.integration.portal.conftest import PASSWORD
from webapp.models import AuditEvent
from webapp.models.scope import person_scope, tenant_scope
from webapp.services import audit, members, sign_in
from webapp.services.audit import Actor
from webapp.services.onboard_tenant import OnboardRefusedError, onboard_tenant, set_tenant_active
from webapp.store import people as people_store

ADMIN = Actor(None, "a campus admin")
NEW_CAMPUS = {
    "slug": "sonoma",
    "name": "Sonoma",
    "alma_institution": "01CALS_SOL",
    "time_zone": "America/Los_Angeles",
    "admin_email": "Ada@Sonoma.example",
    "admin_name": "Ada  Sonoma",
    "actor": Actor(None, "the consortium"),
}


@pytest.fixture
def inside(portal):
    """An application context, for services called directly."""
    with portal.app_context():
        yield


def actions(tenant_id: int) -> list[str]:
    with tenant_scope(tenant_id) as session:
        assert audit.verify_chain(session) == []
        return [event.action for event in session.query(AuditEvent).order_by(AuditEvent.n)]


def test_a_new_member_is_added_without_a_password_and_audited(people, inside):
    person = members.add_member(
        people.csusm, email=" New@Csusm.example", full_name="New One", role="editor", actor=ADMIN
    )
    assert (person.email, person.password_hash) == ("new@csusm.example", "")
    found = {member.email: member for member in members.list_members(people.csusm)}
    assert found["new@csusm.example"].role == "editor"
    assert not found["new@csusm.example"].has_password
    assert actions(people.csusm) == ["member.added"]


@pytest.mark.parametrize(
    ("email", "name", "role", "field"),
    [
        ("not-an-address", "X", "viewer", "email"),
        ("x@csusm.example", "  ", "viewer", "full_name"),
        ("x@csusm.example", "X", "owner", "role"),
        ("viewer@csusm.example", "X", "viewer", "email"),
    ],
)
def test_a_member_that_cannot_be_added_is_refused_by_field(people, inside, email, name, role, field):
    with pytest.raises(members.MembersRefusedError) as refused:
        members.add_member(people.csusm, email=email, full_name=name, role=role, actor=ADMIN)
    assert list(refused.value.faults) == [field]
    assert actions(people.csusm) == []


def test_a_campus_cannot_take_in_an_account_that_another_made(people, inside):
    with pytest.raises(members.MembersRefusedError, match="Ask the consortium"):
        members.add_member(
            people.csusm, email="admin@humboldt.example", full_name="X", role="admin", actor=ADMIN
        )
    members.add_member(
        people.csusm,
        email="admin@humboldt.example",
        full_name="X",
        role="viewer",
        actor=ADMIN,
        may_exist=True,
    )
    with person_scope(people.humboldt_admin) as session:
        assert [c.slug for c in people_store.campuses_of(session, people.humboldt_admin)] == [
            "humboldt",
            "csusm",
        ]


def test_roles_change_and_end_but_a_campus_keeps_an_admin(people, inside):
    viewer, admin = people.by_role["viewer"], people.by_role["admin"]
    members.change_role(people.csusm, viewer, "approver", actor=ADMIN)
    for forbidden in (
        lambda: members.change_role(people.csusm, admin, "viewer", actor=ADMIN),
        lambda: members.remove_member(people.csusm, admin, actor=ADMIN),
    ):
        with pytest.raises(members.MembersRefusedError, match="needs an admin"):
            forbidden()
    members.change_role(people.csusm, viewer, "admin", actor=ADMIN)
    members.remove_member(people.csusm, admin, actor=ADMIN)
    assert actions(people.csusm) == ["member.role_changed", "member.role_changed", "member.removed"]


def test_another_campus_s_member_is_nobody_here(people, inside):
    for act in (
        lambda: members.change_role(people.csusm, people.humboldt_admin, "viewer", actor=ADMIN),
        lambda: members.remove_member(people.csusm, people.humboldt_admin, actor=ADMIN),
        lambda: members.campus_invitation(people.csusm, people.humboldt_admin, actor=ADMIN, secret_key="k"),
    ):
        with pytest.raises(LookupError):
            act()


def test_a_campus_may_invite_only_its_own_people_who_have_no_password(people, inside):
    new = members.add_member(
        people.csusm, email="new@csusm.example", full_name="New", role="viewer", actor=ADMIN
    )
    token = members.campus_invitation(people.csusm, new.id, actor=ADMIN, secret_key="k")
    assert sign_in.invited_person(token, secret_key="k").id == new.id
    with pytest.raises(sign_in.InvitationError):
        sign_in.invited_person(token, secret_key="another key")
    with pytest.raises(members.MembersRefusedError, match="Ask the consortium"):
        members.campus_invitation(people.csusm, people.by_role["viewer"], actor=ADMIN, secret_key="k")


def test_a_campus_is_onboarded_with_its_first_admin_and_an_audit_entry(people, inside):
    tenant, admin = onboard_tenant(**NEW_CAMPUS)
    assert (tenant.slug, tenant.is_active, admin.email, admin.full_name) == (
        "sonoma",
        True,
        "ada@sonoma.example",
        "Ada Sonoma",
    )
    assert [(m.email, m.role) for m in members.list_members(tenant.id)] == [("ada@sonoma.example", "admin")]
    assert actions(tenant.id) == ["campus.onboarded", "settings.changed"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"slug": "csusm"}, "slug"),
        ({"slug": "Bad Slug"}, "slug"),
        ({"slug": "static"}, "slug"),
        ({"name": ""}, "name"),
        ({"alma_institution": "01CALS_USM"}, "alma_institution"),
        ({"alma_institution": "no such/code"}, "alma_institution"),
        ({"time_zone": "Mars/Olympus"}, "time_zone"),
        ({"admin_email": "x"}, "admin_email"),
        ({"admin_name": ""}, "admin_name"),
    ],
)
def test_a_campus_that_cannot_be_taken_in_is_refused_by_field(people, inside, superuser, change, field):
    with pytest.raises(OnboardRefusedError) as refused:
        onboard_tenant(**{**NEW_CAMPUS, **change})
    assert list(refused.value.faults) == [field]
    assert superuser.execute("SELECT count(*) FROM tenant").fetchone() == (2,)


def test_an_onboarding_that_broke_off_can_be_sent_again(people, inside, monkeypatch):
    with monkeypatch.context() as broken:
        broken.setattr(people_store, "add_person", lambda *_a, **_k: (_ for _ in ()).throw(OSError("cut")))
        with pytest.raises(OSError, match="cut"):
            onboard_tenant(**NEW_CAMPUS)
    tenant, _ = onboard_tenant(**NEW_CAMPUS)
    assert actions(tenant.id) == ["campus.onboarded", "settings.changed"]


def test_a_campus_rests_and_wakes(people, inside):
    assert not set_tenant_active("csusm", active=False, actor=ADMIN).is_active
    assert set_tenant_active("csusm", active=True, actor=ADMIN).is_active
    set_tenant_active("csusm", active=True, actor=ADMIN)
    assert actions(people.csusm) == ["campus.deactivated", "campus.activated"]
    with pytest.raises(LookupError):
        set_tenant_active("no-such", active=True, actor=ADMIN)


def test_deactivating_a_person_ends_their_sessions_and_is_noted_at_their_campus(people, browser_of, portal):
    viewer, boss = browser_of("viewer"), browser_of("consortium")
    answer = boss.post(f"/consortium/people/{people.by_role['viewer']}/deactivate", follow_redirects=True)
    assert "can no longer sign in" in answer.text
    assert viewer.get("/account").status_code == 302
    assert viewer.sign_in("viewer@csusm.example").status_code == 401
    with portal.app_context():
        assert actions(people.csusm) == ["person.deactivated"]


def test_a_consortium_admin_cannot_lock_themselves_or_the_last_one_out(people, browser_of, portal):
    boss = browser_of("consortium")
    answer = boss.post(f"/consortium/people/{people.consortium_admin}/deactivate", follow_redirects=True)
    assert "cannot deactivate yourself" in answer.text
    with portal.app_context(), pytest.raises(members.MembersRefusedError, match="last consortium admin"):
        members.set_active(people.consortium_admin, active=False, actor=ADMIN)


def test_someone_of_two_campuses_chooses_where_to_go(people, browser_of, browser):
    boss = browser_of("consortium")
    page = f"/consortium/people/{people.humboldt_admin}"
    answer = boss.post(
        f"{page}/campuses", {"tenant_id": people.csusm, "role": "viewer"}, follow_redirects=True
    )
    assert "works for one more campus" in answer.text
    browser.sign_in("admin@humboldt.example")
    start = browser.get("/")
    assert start.status_code == 200
    assert "/c/csusm/" in start.text
    assert "/c/humboldt/" in start.text


def test_the_consortium_s_lists_filter_sort_and_export(people, browser_of):
    boss = browser_of("consortium")
    assert "Humboldt" not in boss.get("/consortium/?q=marcos").text.partition("<tbody>")[2]
    assert "Nothing matches" in boss.get("/consortium/?q=atlantis").text
    names = boss.get("/consortium/?sort=name&dir=desc").text.partition("<tbody>")[2]
    assert names.index("San Marcos") < names.index("Humboldt")
    exported = boss.get("/consortium/people?format=csv&q=csusm")
    assert exported.headers["Content-Disposition"] == 'attachment; filename="people.csv"'
    lines = exported.text.splitlines()
    assert lines[0] == "\ufeffname,address,campuses,consortium_admin,last_signed_in_at,active"
    assert [line.split(",")[1] for line in lines[1:]] == [
        "admin@csusm.example",
        "approver@csusm.example",
        "editor@csusm.example",
        "viewer@csusm.example",
    ]


def test_consortium_pages_stay_at_a_few_queries_however_many_campuses(people, browser_of, superuser, portal):
    from sqlalchemy import event

    from webapp.models import db

    superuser.execute(
        "INSERT INTO tenant (slug, name, alma_institution) SELECT 't-' || n, 'Campus ' || n, 'I_' || n "
        "FROM generate_series(1, 500) n"
    )
    boss = browser_of("consortium")
    asked: list[str] = []
    with portal.app_context():
        engines = list(db.engines.values())
    for engine in engines:
        event.listen(engine, "before_cursor_execute", lambda _c, _cur, statement, *_: asked.append(statement))
    page = boss.get("/consortium/")
    assert "1–50 of 502 campuses" in page.text
    assert len([s for s in asked if "set_config" not in s]) <= 10


def test_the_password_of_an_operator_s_account_must_be_good(people, inside):
    with pytest.raises(members.MembersRefusedError, match="at least 12"):
        members.add_person("op@consortium.example", "Op", password="short", is_consortium_admin=True)
    person = members.add_person("op@consortium.example", "Op", password=PASSWORD, is_consortium_admin=True)
    assert person.is_consortium_admin
    with pytest.raises(members.MembersRefusedError, match="has an account already"):
        members.add_person("OP@consortium.example", "Op")


def test_a_consortium_admin_never_sees_a_link_into_somebody_s_account(people, browser_of):
    consortium = browser_of("consortium")
    answer = consortium.post(f"/consortium/people/{people.by_role['admin']}/link", follow_redirects=True)
    assert answer.status_code == 200
    assert "The link was not sent to" in answer.text, "no mail server listens here, and that is said"
    assert "/choose-password/" not in answer.text
