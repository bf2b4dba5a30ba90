//! The page as people meet it: in a browser, with scripts and without, narrow, zoomed, and by other senses than sight.

use std::fs;

use serde_json::Value;

use crate::support::browser::Browser;
use crate::support::world::World;
use crate::support::{free_port, job, segment, wait_for};

/// A world with a page, in which it is the morning after one segment.
fn world() -> (World, String) {
    let port = free_port();
    let config = format!(
        "[relay.main]\noutbox = \"outbox\"\nfrom = \"Legwork <legwork@x.example>\"\n[list]\nsupervisors = [\"boss@x.example\"]\n\
         [web]\nlisten = \"127.0.0.1:{port}\"\n"
    );
    let mut world = World::new(&config, "2026-06-11T07:00:00Z");
    world.legwork.import(&segment("s1", "2026-06-10T08:00:00Z").replace("\"kind\"", "\"queue_name\":\"Sales_Queue_US\",\"queue_entry\":\"2026-06-10T07:59:00Z\",\"queue_exit\":\"2026-06-10T08:00:00Z\",\"kind\""));
    world.start();
    (world, format!("http://127.0.0.1:{port}"))
}

/// The ten steps of the vendor's page, from New Report to the file.
fn walk(scripts: bool) {
    let (world, site) = world();
    let browser = Browser::start(1_280, 1_000, scripts);
    browser.open(&site);
    assert!(browser.text("main").contains("There are no reports yet"));
    browser.follow("a.main");
    browser.choose("#type", "interaction-details-by-segment");
    browser.fill("#name", "Daily Segments");
    browser.fill("#description", "All of yesterday");
    browser.click("select[name=period] option:nth-of-type(2)");
    browser.fill("input[name=time_zone]", "UTC");
    browser.click("select[name=filter] option:nth-of-type(2)");
    browser.fill("input[name=value]", "Sales_Queue_US");
    browser.click("input[value=demand]");
    browser.fill("#send_to", "supervisors");
    if scripts {
        // What it would do is shown while it is written.
        wait_for("the preview", || {
            let shown = browser.text("#coming");
            if shown.contains("cc-s1") { Ok(()) } else { Err(shown) }
        });
    } else {
        browser.follow("button[value=check]");
        assert!(browser.text("#coming").contains("cc-s1"));
        assert_eq!(browser.attribute("#name", "value"), "Daily Segments", "input is kept");
    }
    browser.follow("main button.main");
    assert!(browser.has("#daily-segments"), "{}", browser.url());
    assert!(!browser.has("#daily-segments .lit"));
    let icon = "#daily-segments button[title^=Run]";
    // With scripts the row changes by itself. Without, the click leads to a page, and so does each look: one that came
    // before the click's page would cut off what it asks for.
    if scripts {
        browser.click(icon);
    } else {
        browser.follow(icon);
    }
    wait_for("the run's end", || {
        if !scripts {
            browser.open(&site);
        }
        let text = browser.text("#daily-segments");
        if text.contains("fresh") && browser.has("#daily-segments .lit") { Ok(()) } else { Err(text) }
    });
    assert!(browser.attribute("#daily-segments .dot", "title").starts_with("generated 2026-06-11T07:00:00"));
    assert!(
        browser
            .look("return document.querySelector('#daily-segments .dot').textContent")
            .as_str()
            .unwrap()
            .contains("generated in the last 24 h")
    );
    browser.click("#daily-segments a[download]");
    let made = world.legwork.path("state/artifacts").join(world.legwork.ask("select path from artifact"));
    let name = made.file_name().unwrap().to_string_lossy().into_owned();
    let file = browser.downloaded(&name);
    assert_eq!(file, fs::read(&made).unwrap());
    assert!(String::from_utf8(file).unwrap().contains("cc-s1,"));
    world.legwork.wait_until("select group_concat(state) from delivery", "outbox");
    // A day later the file is not fresh any more.
    world.pass(24 * 60 * 60 - 1);
    browser.open(&site);
    assert!(browser.has("#daily-segments .lit"), "23:59:59 h");
    world.pass(1);
    browser.open(&site);
    assert!(!browser.has("#daily-segments .lit"), "24 h");
    assert_eq!(world.legwork.ask("select group_concat(action) from audit"), "create,run,download");
}

#[test]
fn a_supervisor_walks_from_new_report_to_the_file() {
    walk(true);
}

#[test]
fn the_same_works_without_scripts() {
    walk(false);
}

#[test]
fn errors_stand_next_to_their_field_and_input_is_kept() {
    let (_world, site) = world();
    let browser = Browser::start(1_280, 1_000, false);
    browser.open(&format!("{site}/new"));
    browser.fill("#name", "weekly");
    browser.fill("input[name=time_zone]", "Europe/Berln");
    browser.follow("main button.main");
    assert!(browser.text("#wrong-time_zone").contains("Europe/Berlin"), "{}", browser.text("main"));
    assert_eq!(browser.attribute("#name", "value"), "weekly");
    assert_eq!(browser.attribute("input[name=time_zone]", "aria-invalid"), "true");
    browser.look("document.querySelector('input[name=time_zone]').value = 'Europe/Berlin'");
    browser.click("input[value=schedule]");
    browser.click("select[name=repeat0] option:nth-of-type(4)");
    browser.fill("input[name=day0]", "someday");
    browser.fill("#send_to", "nobody-knows");
    browser.follow("main button.main");
    assert!(browser.text("#wrong-schedule0").contains("someday"), "{}", browser.text("main"));
    assert!(browser.text("#wrong-send_to").contains("nobody-knows"));
    // Mended, it is made, and its next run is known.
    browser.look("document.querySelector('input[name=day0]').value = 'monday'; document.querySelector('#send_to').value = ''");
    browser.follow("main button.main");
    assert!(browser.text("#weekly").contains("Europe/Berlin"), "{}", browser.text("main"));
}

/// Every page with its heading: an error's page would be without fault as well.
const PAGES: [(&str, &str); 13] = [
    ("/", "Reports"),
    ("/?view=mine&q=x", "Reports"),
    ("/new", "New Report"),
    ("/new?as=toml", "New Report"),
    ("/reports/daily", "daily"),
    ("/reports/daily/clone", "New Report"),
    ("/runs/1", "Run 1 of daily"),
    ("/upcoming", "Upcoming"),
    ("/deliveries", "Deliveries"),
    ("/sources", "Sources"),
    ("/lists", "Mailing lists"),
    ("/access", "Access"),
    ("/nowhere", "Not Found"),
];

fn every_page(look: impl Fn(&Browser, &str)) {
    let (world, site) = world();
    world.legwork.job(
        "daily",
        &format!(
            "description = \"A description that is rather long, as descriptions can be\"\n{}",
            job(
                "\"yesterday\"",
                "[[schedule]]\ncron = \"30 6 * * *\"\n[[deliver]]\nemail = { to = [\"supervisors\"] }\n"
            )
        ),
    );
    world.until("select count(*) from definition", "1");
    let browser = Browser::start(1_280, 1_000, true);
    browser.open(&site);
    browser.click("#daily button[title^=Run]");
    world.legwork.wait_until("select group_concat(state) from delivery", "outbox");
    for (page, heading) in PAGES {
        browser.open(&format!("{site}{page}"));
        assert_eq!(browser.text("main h1"), heading, "{page}");
        look(&browser, page);
    }
}

/// Visible controls that cover each other, and whatever makes the page wider than the screen.
const OVERLAPS: &str = r"
    const wrong = [];
    if (innerWidth < document.documentElement.scrollWidth)
        wrong.push(`the page is ${document.documentElement.scrollWidth} wide on ${innerWidth}`);
    const boxes = [...document.querySelectorAll('a, button, input:not([type=hidden]), select, textarea, summary')]
        .filter((one) => one.checkVisibility() && !one.closest('details:not([open]) > div') && !one.classList.contains('skip'))
        .map((one) => [one, one.getBoundingClientRect()]).filter(([, box]) => box.width && box.height);
    for (const [a, x] of boxes) for (const [b, y] of boxes) {
        if (a === b || a.contains(b) || b.contains(a)) continue;
        const width = Math.min(x.right, y.right) - Math.max(x.left, y.left);
        const height = Math.min(x.bottom, y.bottom) - Math.max(x.top, y.top);
        if (1 < width && 1 < height) wrong.push(`${a.outerHTML.slice(0, 80)} over ${b.outerHTML.slice(0, 80)}`);
    }
    return wrong;";

#[test]
fn nothing_overlaps_on_a_telephone_and_at_four_times_the_size() {
    every_page(|browser, page| {
        // 1,280 pixels at 400 % are 320.
        for width in [360, 320, 768, 1_280] {
            browser.size(width, 800);
            let wrong = browser.look(OVERLAPS);
            assert_eq!(wrong.as_array().map(Vec::len), Some(0), "{page} at {width}: {wrong}");
        }
    });
}

#[test]
fn axe_finds_nothing_on_any_page() {
    let modules =
        std::env::var("LEGWORK_TEST_NODE").expect("run the tests by tests/run: it installs axe-core");
    let axe = fs::read_to_string(format!("{modules}/node_modules/axe-core/axe.min.js")).unwrap();
    every_page(|browser, page| {
        for width in [360, 1_280] {
            browser.size(width, 900);
            browser.look(&axe);
            let found = browser.look_later(
                "axe.run().then((found) => arguments[arguments.length - 1](found.violations.map((one) => \
                 [one.id, one.help, one.nodes.map((node) => node.html.slice(0, 120))])));",
            );
            assert_eq!(found, Value::Array(Vec::new()), "{page} at {width}");
        }
    });
}
