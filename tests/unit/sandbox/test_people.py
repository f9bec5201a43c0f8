import pytest

from webapp.sandbox.people import Population


@pytest.fixture(scope="module")
def population():
    return Population(7, "01CALS_USM", 2000)


def test_the_same_seed_invents_the_same_people(population):
    again = Population(7, "01CALS_USM", 2000)
    assert [again.patron(i) for i in range(50)] == [
        Population(7, "01CALS_USM", 2000).patron(i) for i in range(50)
    ]


@pytest.mark.parametrize("other", [Population(8, "01CALS_USM", 2000), Population(7, "01CALS_HUL", 2000)])
def test_another_seed_or_institution_invents_other_people(population, other):
    assert {population.patron(i).primary_id for i in range(50)} != {
        other.patron(i).primary_id for i in range(50)
    }


def test_a_patron_does_not_depend_on_how_many_there_are(population):
    assert Population(7, "01CALS_USM", 1_000_000).patron(1999) == population.patron(1999)


def test_every_emplid_has_nine_digits_and_leading_zeros_and_belongs_to_one_patron(population):
    emplids = [patron.emplid for patron in map(population.patron, range(2000)) if patron.emplid]
    assert all(len(emplid) == 9 and emplid.isdigit() and emplid.startswith("00") for emplid in emplids)
    assert len(set(emplids)) == len(emplids)


def test_every_patron_is_found_by_primary_id_and_barcode_whatever_the_letter_case(population):
    for patron in map(population.patron, range(2000)):
        assert population.find(patron.primary_id.upper()) == patron.index
        assert population.find(patron.barcode) == patron.index
        assert population.find(patron.barcode, "BARCODE") == patron.index
        assert population.find(patron.barcode, "UNIV_ID") is None


@pytest.mark.parametrize(
    "identifier",
    [
        "",
        "nobody",
        "999999999",
        "cb0000001",
        "20021",
        "tansy.1999999@example.org",
        "\uff11\uff12\uff13\uff14\uff15\uff16\uff17\uff18\uff19",
    ],
)
def test_an_identifier_of_nobody_finds_nobody(population, identifier):
    assert population.find(identifier) is None


def test_community_borrowers_have_no_emplid_and_some_are_known_by_mail_address(population):
    community = [patron for patron in map(population.patron, range(2000)) if patron.group.code == "COMMUNITY"]
    assert 20 <= len(community) <= 100
    assert all(patron.emplid is None for patron in community)
    assert {"@" in patron.primary_id for patron in community} == {True, False}


def test_about_eight_percent_owe_something():
    assert 0.07 < len(Population(7, "01CALS_USM", 20_000).owing) / 20_000 < 0.09


def test_the_users_list_is_in_the_order_of_last_name_first_name_and_id(population):
    patrons = [population.patron(index) for index in population.by_name]
    assert len(patrons) == 2000
    assert [patron.last_name for patron in patrons] == sorted(p.last_name for p in patrons)
    numbered = [(p.last_name, p.first_name.replace("É", "E"), p.emplid) for p in patrons if p.emplid]
    assert numbered == sorted(numbered)
