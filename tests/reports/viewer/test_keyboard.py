"""The page by keyboard: keys move through it, and the focus stays where it was."""

from critic_eval.judging import Preference
from tests.reports.viewer.conftest import FIRST, Open, choose, focused, listed


def test_keys_move_through_the_list(url: str, open_page: Open) -> None:
    page = open_page(f"{url}#label=B&q=item-00")
    chosen = (one for one in FIRST if one.label == Preference(1) and "item-00" in one.item_id)
    items = list(dict.fromkeys(one.item_id for one in chosen))
    for key, place in (("j", 0), ("j", 1), ("ArrowDown", 2), ("k", 1), ("ArrowUp", 0), ("k", 0)):
        page.keyboard.press(key)
        assert page.inner_text(".item h2") == items[place]
    for _ in range(len(items) + 2):
        page.keyboard.press("j")
    assert page.inner_text(".item h2") == items[-1]
    assert page.locator(".row a[aria-current=true]").get_attribute("data-item") is not None
    page.keyboard.press("/")
    page.keyboard.type("jk")
    assert page.input_value("#search") == "jk"
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    assert page.locator("#help-dialog[open]").count() == 1
    page.keyboard.press("Escape")
    assert page.locator("#help-dialog[open]").count() == 0
    page.keyboard.press("Escape")
    page.wait_for_selector(".overview")


def test_the_list_is_one_stop_of_the_tab_key(url: str, open_page: Open) -> None:
    page = open_page(url)
    page.locator(".row a").first.focus()
    page.evaluate("document.querySelector('.scroller').scrollTop = 2000")
    page.wait_for_selector(".row[aria-posinset='60']")
    assert page.evaluate("document.activeElement.dataset.item") == "0"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('#detail') !== null")
    page.keyboard.press("Shift+Tab")
    assert page.evaluate("document.activeElement.dataset.item") == "0"
    page.keyboard.press("ArrowDown")
    page.wait_for_selector(".item[data-item='1']")
    page.keyboard.press("j")
    page.wait_for_selector(".item[data-item='2']")
    assert page.evaluate("document.activeElement.dataset.item") == "2"
    assert page.locator(".row a[tabindex='0']").count() == 1
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('#detail') !== null")


def test_controls_keep_the_focus_when_they_are_used(url: str, open_page: Open) -> None:
    page = open_page(url)
    page.locator("select[data-key=verdict]").focus()
    choose(page, "verdict", "A")
    page.wait_for_function("() => location.hash === '#verdict=A'")
    assert focused(page) == "SELECT verdict"
    page.keyboard.press("ArrowDown")
    assert page.locator(".overview").count() == 1
    page.keyboard.press("Escape")
    page.click("text=Clear")
    assert focused(page) != "BODY"
    page.locator(".row a").first.press("Enter")
    page.wait_for_selector(".item .answer")
    assert focused(page) == "H2 heading"
    page.get_by_label("Next item").focus()
    for item in (1, 2, 3):
        page.keyboard.press("Enter")
        page.wait_for_selector(f".item[data-item='{item}']")
        assert focused(page) == "BUTTON Next item"
    page.keyboard.press("Escape")
    page.wait_for_selector(".overview")
    assert page.evaluate("document.activeElement.closest('.row') !== null")


def test_stepping_from_nowhere_leaves_the_focus_there(url: str, open_page: Open) -> None:
    page = open_page(url)
    for item in (0, 1):
        page.keyboard.press("j")
        page.wait_for_selector(f".item[data-item='{item}'] .answer")
        assert page.evaluate("document.activeElement === document.body")


def test_arrows_scroll_in_an_item_and_letters_step(url: str, open_page: Open) -> None:
    page = open_page(url, 1280, 400)
    page.locator(".row a").first.click()
    page.wait_for_selector(".item[data-item='0'] .answer")
    page.keyboard.press("ArrowDown")
    page.wait_for_function("() => document.getElementById('detail').scrollTop > 0")
    assert page.locator(".item[data-item='0']").count() == 1
    page.keyboard.press("j")
    page.wait_for_selector(".item[data-item='1']")


def test_escape_empties_the_search_box_and_the_address(url: str, open_page: Open) -> None:
    page = open_page(url)
    page.focus("#search")
    page.keyboard.type("item-00")
    assert listed(page)[0] == 10
    page.keyboard.press("Escape")
    page.wait_for_function("() => location.hash === '#' || location.hash === ''")
    assert page.input_value("#search") == ""
    assert listed(page)[0] == 120
