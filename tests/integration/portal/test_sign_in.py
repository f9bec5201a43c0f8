"""Signing in and out."""

from __future__ import annotations


def test_a_person_signs_in_and_lands_on_their_campus(people, browser):
    answer = browser.sign_in("Viewer@csusm.example ", follow_redirects=True)
    assert answer.status_code == 200
    assert answer.request.path == "/c/csusm/"
    assert "San Marcos" in answer.text
