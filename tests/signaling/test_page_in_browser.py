"""The page in a real Chromium, before fake pods: what it says and does in each of its states."""

import asyncio
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Page, async_playwright, expect

from fake_pod import refusal
from signaling_site import Site, site, until
from talking_pod import TalkingPod

pytestmark = [pytest.mark.browser, pytest.mark.timeout(90)]

QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--mute-audio",
]
GRANTED = "--use-fake-ui-for-media-stream"
MICROPHONE = "--use-fake-device-for-media-stream"
SPEECH = Path(__file__).parent.parent / "vectors" / "speech" / "river.wav"


@asynccontextmanager
async def page_at(url: str, *flags: str) -> AsyncIterator[Page]:
    """The page, with every script error and every refusal of its own policy failing the test."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path="/usr/bin/chromium", args=[*QUIET, *flags])
        try:
            page = await browser.new_page()
            mistakes: list[str] = []
            page.on("pageerror", lambda error: mistakes.append(str(error)))
            page.on("console", lambda said: mistakes.append(said.text) if "Content Security" in said.text else None)
            await page.goto(url)
            yield page
            assert mistakes == []
        finally:
            await browser.close()


async def says(page: Page, sentence: str, *, label: str, within_s: float = 5) -> None:
    await expect(page.get_by_role("status")).to_have_text(sentence, timeout=within_s * 1000)
    await expect(page.locator("#talk")).to_have_text(label)


async def test_idle_says_what_to_do_and_where_it_leads(tmp_path: Path) -> None:
    async with site(tmp_path, 1) as here, page_at(here.url) as page:
        await says(page, "Ready. Press Talk, or hold Space.", label="Talk")
        await expect(page.locator("#where")).to_have_text("pool agents · 192.0.2.2:3478")
        await page.get_by_text("Use it from code").click()
        await expect(page.locator("#code")).to_contain_text(f'baseUrl: "{here.url}/v1/realtime/calls"')
        await page.set_viewport_size({"width": 320, "height": 640})
        assert await page.evaluate("document.documentElement.scrollWidth") == 320


async def test_a_page_on_plain_http_says_why_it_cannot_talk(tmp_path: Path) -> None:
    async with site(tmp_path, 1) as here:
        host = "voice.example"
        async with page_at(
            f"http://{host}:{urlsplit(here.url).port}", f"--host-resolver-rules=MAP {host} 127.0.0.1"
        ) as page:
            await expect(page.get_by_role("status")).to_contain_text("This page needs https or localhost")
            await expect(page.locator("#talk")).to_be_disabled()


async def test_a_blocked_microphone_says_where_to_allow_it(tmp_path: Path) -> None:
    async with site(tmp_path, 1) as here, page_at(here.url, MICROPHONE) as page:
        await page.locator("#talk").click()
        await says(
            page, "The microphone is blocked for this site; click the icon left of the address.", label="Try again"
        )
        assert here.pods[0].offers == []


async def test_a_machine_without_a_microphone_says_so(tmp_path: Path) -> None:
    async with site(tmp_path, 1) as here, page_at(here.url, GRANTED) as page:
        await page.locator("#talk").click()
        await says(page, "No microphone found. Connect one and try again.", label="Try again")


async def test_a_full_pool_counts_down_and_tries_again_by_itself(tmp_path: Path) -> None:
    async with site(tmp_path, 0) as here, page_at(here.url, GRANTED, MICROPHONE) as page:
        here.pods[0].vip = "127.0.0.1:9"
        await page.locator("#talk").click()
        await expect(page.get_by_role("status")).to_contain_text("No place is free in pool agents")
        await expect(page.get_by_role("status")).to_contain_text("Next try in 3 s.")
        here.pods[0].capacity = 1
        await says(page, "Connecting: waiting for the first UDP answer…", label="Cancel", within_s=8)
        await page.locator("#talk").click()
        await says(page, "Ready. Press Talk, or hold Space.", label="Talk")
        await until(lambda: "hangup" in here.pods[0].ended.values())


async def test_a_refusal_shows_the_services_own_sentence(tmp_path: Path) -> None:
    async with site(tmp_path, 1) as here, page_at(here.url, GRANTED, MICROPHONE) as page:
        here.pods[0].failure = refusal(400, "offer_without_opus", "The audio line offers no Opus.")
        await page.locator("#talk").click()
        await says(page, "The audio line offers no Opus.", label="Try again")


async def test_a_service_that_went_away_is_named_as_such(tmp_path: Path) -> None:
    async with site(tmp_path, 1) as here, page_at(here.url, GRANTED, MICROPHONE) as page:
        await page.route("**/v1/realtime/calls", lambda route: route.abort("connectionrefused"))
        await page.locator("#talk").click()
        await says(page, "The service does not answer. Is it still running?", label="Try again")


async def test_without_a_udp_answer_the_page_first_warns_and_then_names_the_address(tmp_path: Path) -> None:
    async with (
        site(tmp_path, 1, ANTIPHON_VIP="127.0.0.1:9") as here,
        page_at(here.url, GRANTED, MICROPHONE) as page,
    ):
        here.pods[0].vip = "127.0.0.1:9"  # the discard port: nobody listens
        await page.locator("#talk").focus()
        await page.keyboard.press("Enter")
        await says(page, "Connecting: waiting for the first UDP answer…", label="Cancel")
        warning = "Still waiting for the first UDP answer: UDP may be blocked on this network."
        await says(page, warning, label="Cancel")
        failure = "No UDP answer from 127.0.0.1:9. HTTP works, so a firewall is likely."
        await says(page, failure, label="Try again", within_s=15)
        await expect(page.get_by_role("button", name="Copy report")).to_be_visible()


def speech_with_pauses(folder: Path) -> Path:
    """Two seconds of speech, three of silence: the browser repeats it."""
    with wave.open(str(SPEECH)) as source, wave.open(str(folder / "microphone.wav"), "wb") as microphone:
        microphone.setparams(source.getparams())
        microphone.writeframes(source.readframes(2 * source.getframerate()))
        microphone.writeframes(bytes(2 * 3 * source.getframerate()))
    return folder / "microphone.wav"


@asynccontextmanager
async def talking(folder: Path) -> AsyncIterator[tuple[Site, TalkingPod, Page]]:
    file = f"--use-file-for-fake-audio-capture={speech_with_pauses(folder)}"
    async with site(folder, 60, kind=TalkingPod) as here:
        pod = here.pods[0]
        assert isinstance(pod, TalkingPod)
        try:
            async with page_at(here.url, GRANTED, MICROPHONE, file) as page:
                await page.locator("#talk").click()
                await expect(page.locator("#setup-title")).to_contain_text("Connected in", timeout=15000)
                yield here, pod, page
        finally:
            await pod.close()


async def test_a_call_shows_its_set_up_its_turns_and_its_quality(tmp_path: Path) -> None:
    async with talking(tmp_path) as (_, pod, page):
        await expect(page.locator("#talk")).to_have_text("Hang up")
        await expect(page.locator("body")).to_have_attribute("data-state", "speaking", timeout=15000)
        await expect(page.locator("#turns tbody tr")).not_to_have_count(0)
        latency = await page.locator("#turns td.ms").first.inner_text()
        assert 400 <= int(latency.removesuffix(" ms").replace(",", "")) <= 2500  # the pod waits for 500 ms of silence
        for stage in ("http", "ice", "dtls", "audio"):
            await expect(page.locator(f'[data-stage="{stage}"] .ms')).to_contain_text(" ms")
        await expect(page.locator("#loss")).to_contain_text(" %")
        await expect(page.locator("#call-line")).to_have_text(f"Call {next(iter(pod.live))}")
        assert await page.evaluate("antiphon.state") in {"listening", "speaking", "interrupted"}
        assert await page.evaluate("Object.isFrozen(antiphon)")
        assert "inbound-rtp" in await page.evaluate(
            "antiphon.stats().then((stats) => Object.values(stats).map((entry) => entry.type))"
        )
        await page.locator("#talk").click()
        await says(page, "Call ended: hung up.", label="Talk again")
        await until(lambda: set(pod.ended.values()) == {"hangup"})
        assert await page.evaluate("antiphon.pc.connectionState") == "closed"


async def microphone_becomes(page: Page, *, open_now: bool) -> None:
    """Polls from here: the page's policy forbids the eval that Playwright's own waiting needs."""
    async with asyncio.timeout(5):
        while await page.evaluate("antiphon.pc.getSenders()[0].track.enabled") is not open_now:
            continue


async def test_space_held_is_push_to_talk_and_mute_is_a_button(tmp_path: Path) -> None:
    async with talking(tmp_path) as (_, _, page):
        await microphone_becomes(page, open_now=True)
        await page.keyboard.down("Space")
        await expect(page.locator("#talk")).to_have_class("held")
        await page.keyboard.up("Space")
        await microphone_becomes(page, open_now=False)
        await page.keyboard.press("Space")  # a tap opens the microphone for good
        await microphone_becomes(page, open_now=True)
        mute = page.get_by_role("button", name="Mute microphone")
        await mute.click()
        await expect(mute).to_have_attribute("aria-pressed", "true")
        await expect(mute).to_have_text("Unmute microphone")
        await microphone_becomes(page, open_now=False)
        await page.locator("#talk").focus()
        await page.keyboard.press("Enter")
        await says(page, "Call ended: hung up.", label="Talk again")


async def test_a_call_that_the_service_ends_says_why(tmp_path: Path) -> None:
    async with talking(tmp_path) as (_, pod, page):
        call_id, peer = next(iter(pod.peers.items()))
        pod.end(call_id, "drain_deadline")
        await peer.close()
        await says(page, "Call ended: the pod was replaced.", label="Talk again", within_s=20)


async def test_closing_the_tab_hangs_up(tmp_path: Path) -> None:
    async with talking(tmp_path) as (_, pod, page):
        await page.goto("about:blank")
        await until(lambda: set(pod.ended.values()) == {"hangup"})
