"""Signing in, what a person decides, and what comes by itself."""

import pytest


def seq_of(stage, model):
    return stage.ask("GET", f"/v1/models/{model}/status")["events"]


def act(where, name, reason="because", token=None):
    where.locator(f"[data-act={name}]").click()
    dialog = getattr(where, "page", where).get_by_role("dialog")
    dialog.get_by_label("Reason").fill(reason)
    if token is not None:
        dialog.get_by_label("Admin token").fill(token)
    dialog.locator("button[type=submit]").click()
    return dialog


def kinds(stage, model):
    return [each["kind"] for each in stage.ask("GET", f"/v1/models/{model}/events")["events"]]


def test_signing_in_and_out(view_of, stage):
    view = view_of(None)
    view.expected = ("401",)
    page = view.go()
    page.get_by_label("Token").fill("hs_no_token")
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("alert").get_by_text("not known").wait_for()
    page.get_by_label("Token").fill(stage.reader)
    page.keyboard.press("Enter")
    page.locator("tbody a").first.wait_for()
    assert page.evaluate("Object.values(localStorage).join()") == ""
    page.get_by_role("button", name="Sign out").click()
    page.get_by_label("Token").wait_for()
    assert page.evaluate("sessionStorage.length") == 0


def test_everything_is_reached_by_keyboard(view_of):
    page = view_of().go()
    page.locator("tbody a").first.wait_for()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the page"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.closest('tbody') !== null"):
            break
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"
    page.keyboard.press("Enter")
    page.wait_for_url("**#/model/**")


def test_silence_and_its_end(view_of, stage):
    view = view_of("reader")
    view.expected = ("403",)
    page = view.go("#/model/calm-one")
    page.locator("[data-act=silence]").wait_for()
    dialog = act(page, "silence")
    dialog.get_by_text("scope 'admin'").wait_for()
    dialog.get_by_label("Admin token").fill(stage.admin)
    dialog.get_by_label("For").select_option("8")
    dialog.locator("button[type=submit]").click()
    page.get_by_text("Nobody is told of this model until").wait_for()
    act(page, "unsilence", token=stage.admin)
    page.get_by_text("Nobody is told of this model until").wait_for(state="detached")


def test_a_question_can_be_left(view_of, stage):
    page = view_of("admin").go("#/model/loop")
    before = seq_of(stage, "loop")
    page.locator("[data-act=retrain]").click()
    page.get_by_role("button", name="Not now").click()
    page.get_by_role("dialog").wait_for(state="detached")
    assert seq_of(stage, "loop") == before


@pytest.fixture
def settled(stage):
    """The loop without an open job and without a challenger."""

    def free():
        row = stage.ask("GET", "/v1/models/loop/versions")["standing"]
        jobs = stage.ask("GET", "/v1/models/loop/jobs")["jobs"]
        if any(job["state"] in ("waiting", "queued", "running") for job in jobs):
            return False
        if row["challenger"] is not None:
            stage.ask("POST", "/v1/models/loop/reject", {})
        return True

    stage.until(free)


@pytest.mark.usefixtures("settled")
def test_retrain_promote_and_roll_back(view_of, stage):
    page = view_of("admin").go("#/model/loop")
    act(page, "retrain", "new labels")
    page.get_by_text("new labels").first.wait_for()
    page.locator("[data-act=promote]").wait_for()
    act(page, "promote")
    page.locator("[data-act=rollback]").wait_for()
    assert "ModelPromoted" in kinds(stage, "loop")
    act(page, "rollback", "it was a slip")
    page.get_by_text("it was a slip").first.wait_for()
    assert kinds(stage, "loop")[-1] == "ModelRolledBack"
    page.get_by_role("link", name="Decisions").click()
    page.locator(".story").filter(has_text="loop").filter(has_text="rolled back to v1").wait_for()


@pytest.mark.usefixtures("settled")
def test_retrain_and_reject(view_of, stage):
    page = view_of("admin").go("#/model/loop")
    act(page, "retrain")
    page.locator("[data-act=reject]").wait_for()
    act(page, "reject", "not this one")
    page.get_by_text("not this one").first.wait_for()
    assert kinds(stage, "loop")[-1] == "ChallengerRejected"


@pytest.mark.parametrize("word", ["approve", "cancel"])
def test_what_waits_for_a_word(view_of, stage, word):
    model = f"asks-{word}"
    stage.send(model, 600, minute=60)
    stage.send(model, 300, minute=120, unit=1000.0)
    jobs = stage.ask("GET", f"/v1/models/{model}/jobs")["jobs"]
    assert [job["state"] for job in jobs] == ["waiting"]
    page = view_of("admin").go("#/decisions")
    card = page.locator(".waiting").filter(has_text=model)
    card.get_by_text("waits for approval").wait_for()
    act(card, word)
    card.wait_for(state="detached")
    told = kinds(stage, model)
    assert ("RetrainStarted" if word == "approve" else "RetrainFailed") in told


def test_what_changes_is_shown_by_itself(view_of, stage):
    page = view_of().go()
    page.locator(".live[data-state=live]").wait_for()
    page.get_by_role("link", name="calm-one").wait_for()
    stage.send("newcomer", 50, minute=200)
    page.get_by_role("link", name="newcomer").wait_for()


def test_a_lost_connection_is_told_and_taken_up_again(view_of, stage):
    view = view_of()
    view.expected = ("ERR_", "Failed to load", "Failed to fetch")
    page = view.go()
    page.locator(".live[data-state=live]").wait_for()
    stage.end()  # not begun again before the page has seen it
    page.locator(".live[data-state=reconnecting]").wait_for()
    stage.begin_again()
    page.locator(".live[data-state=live]").wait_for(timeout=30_000)
    page.locator("tbody a").first.wait_for()


def test_dark_by_the_system_and_by_choice(view_of):
    page = view_of(scheme="dark").go()
    page.locator("tbody a").first.wait_for()
    ground = "getComputedStyle(document.body).backgroundColor"
    dark = page.evaluate(ground)
    page.get_by_role("button", name="Light or dark").click()
    light = page.evaluate(ground)
    assert dark != light
    page.reload()
    page.locator("tbody a").first.wait_for()
    assert page.evaluate(ground) == light
