"""Nothing moves for those who have asked their system for less motion."""

from __future__ import annotations

from tests.browser.gallery.page import Gallery
from tests.browser.gallery.states import State

MOVING = """
() => {
  const seconds = list => Math.max(...list.split(',').map(each => parseFloat(each)));
  const found = document.createElement('div');
  found.className = 'jp-TaskTreeFound';
  document.querySelector('main').append(found);
  const moving = [...document.querySelectorAll('main, main *')].flatMap(each =>
    [null, '::before', '::after'].flatMap(part => {
      const style = getComputedStyle(each, part);
      const how = [
        style.animationName !== 'none' && seconds(style.animationDuration) > 0 ? style.animationName : '',
        seconds(style.transitionDuration) > 0.01 ? `transition of ${style.transitionProperty}` : '',
        style.scrollBehavior === 'smooth' ? 'smooth scrolling' : ''
      ];
      return how.filter(Boolean).map(name => `${each.className}: ${name}`);
    }));
  found.remove();
  return moving;
}
"""
STATES = (State("panel-details", "busy", width=480, height=800), State("tree"), State("table"))


def test_nothing_is_animated_for_who_wants_less_motion(browser_gallery: Gallery) -> None:
    page = browser_gallery.page
    for state in STATES:
        page.emulate_media(reduced_motion="reduce")
        browser_gallery.show(state)
        assert page.evaluate(MOVING) == [], state
        page.emulate_media(reduced_motion="no-preference")
        assert page.evaluate(MOVING) == ["jp-TaskTreeFound: jp-task-tree-found"], state
