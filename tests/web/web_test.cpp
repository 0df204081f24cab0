// SPDX-License-Identifier: MIT
// examples/web, in simulated time: requests in any pieces, slow and silent clients, the live page; and what a fuzzer's corpus
// cannot time.
#include "../examples/web/web.hpp"

#include "aperto/sim.hpp"
#include "aperto/sleep.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace aperto {
namespace {

using namespace std::chrono_literals;

const std::string& large() {
    static const std::string all = [] {
        std::string made(100'000, ' ');
        for (std::size_t i = 0; i < made.size(); ++i)
            made[i] = static_cast<char>('a' + (i * i / 7 + i) % 26);
        return made;
    }();
    return all;
}

/// A folder with a small file and a large one.
class folder {
public:
    folder() : path_(std::filesystem::temp_directory_path() / ("web_test." + std::to_string(::getpid()))) {
        std::filesystem::create_directories(path_);
        std::ofstream(path_ / "small") << "0123456789";
        std::ofstream(path_ / "large") << large();
        descriptor_ = ::open(path_.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
    }
    ~folder() {
        ::close(descriptor_);
        std::filesystem::remove_all(path_);
    }
    folder(const folder&) = delete;
    folder& operator=(const folder&) = delete;
    int descriptor() const noexcept { return descriptor_; }

private:
    std::filesystem::path path_;
    int descriptor_ = -1;
};

options web_options(web::site& here) {
    return {.host = "office",
            .max_message = 64 * 1024,
            .message_deadline = 10s,
            .handshake_deadline = 10s,
            .events = &here.all};
}

/// An answer's head and body, but for its date.
struct told {
    std::string head;
    std::string body;
    bool has(std::string_view what) const { return head.find(what) != std::string::npos; }
};
std::size_t length_of(const std::string& head) {
    const std::size_t at = head.find("Content-Length: ");
    return at == std::string::npos ? 0 : std::stoul(head.substr(at + 16));
}

task<told> hear(stream& peer) {
    told found;
    for (;;) {
        const auto line = co_await peer.read_line(line_end::crlf);
        if (!line) co_return found;
        if (line->empty()) break;
        found.head.append(*line).append("\n");
    }
    const std::size_t size = length_of(found.head);
    while (found.body.size() < size) {
        const auto some = co_await peer.read_exactly(std::min<std::size_t>(size - found.body.size(), 1000));
        if (!some) co_return found;
        found.body.append(*some);
    }
    co_return found;
}

task<told> ask(stream& peer, std::string_view request) {
    co_await peer.write(request);
    task<told> hearing = hear(peer);
    co_return co_await hearing;
}

task<stream> call() {
    client_options patient;
    patient.stream.idle_timeout = forever;
    task<stream> connecting = connect("office:9999", patient);
    co_return co_await connecting;
}

constexpr std::string_view host = " HTTP/1.1\r\nHost: office\r\n";
std::string get(std::string_view path, std::string_view more = "") {
    return std::string("GET ").append(path).append(host).append(more).append("\r\n");
}
std::string several() {
    return get("/hello") + get("/large") + get("/small", "Range: bytes=2-5\r\n") + get("/nowhere") +
           std::string("POST /hello")
               .append(host)
               .append("Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n");
}

task<> customer(sim::world& world, server& shop) {
    task<stream> calling = call();
    stream peer = co_await calling;
    const std::string requests = several();
    task<told> first = ask(peer, requests);
    const told hello = co_await first;
    world.expect(hello.body == "hello, world\n", "a greeting");
    task<told> second = hear(peer);
    const told file = co_await second;
    world.expect(file.has("200 ") && file.body == large(), "a large file, whole");
    task<told> third = hear(peer);
    const told part = co_await third;
    world.expect(part.has("206 ") && part.has("bytes 2-5/10") && part.body == "2345", "a part of a file");
    task<told> fourth = hear(peer);
    const told none = co_await fourth;
    world.expect(none.has("404 "), "nothing where nothing is");
    task<told> fifth = hear(peer);
    const told thanks = co_await fifth;
    world.expect(thanks.body == "hello, thank you for 5 bytes\n", "a body in chunks");
    task<> closing = peer.close();
    co_await closing;
    shop.stop();
}

void run(sim::world& world, engine which, const folder& files, task<> (*story)(sim::world&, server&)) {
    sim::host& office = world.add_host("office", {.engine = which});
    sim::host& laptop = world.add_host("laptop");
    web::site here{.root = files.descriptor(), .all = {}};
    server shop(web_options(here), [&here](stream peer) { return web::serve(std::move(peer), here); });
    office.spawn(shop.run_on(office.loop()));
    laptop.spawn(story(world, shop));
    world.run();
}

TEST(Web, AnswersInOrderInWhateverPiecesItIsAsked) {
    const folder files;
    for (const engine which : {engine::uring, engine::epoll})
        EXPECT_TRUE(
            sim::check({.seeds = 300}, [&](sim::world& world) { run(world, which, files, customer); }));
}

/// The rest of it, as far as it comes.
task<> go_on(std::string& got) {
    task<stream> connecting = connect("office:9999");
    stream peer = co_await connecting;
    const std::string request = get("/large", "Range: bytes=" + std::to_string(got.size()) + "-\r\n");
    co_await peer.write(request);
    for (std::size_t size = 1; size > 0;) {
        const auto line = co_await peer.read_line(line_end::crlf);
        if (!line) co_return;
        size = line->size();
    }
    while (got.size() < large().size()) {
        const auto some = co_await peer.read_some();
        if (!some) co_return;
        got.append(*some);
    }
}

/// Goes on from where it was cut off, until it has all of it, whatever happens on the way.
task<> stubborn(sim::world& world, server& shop) {
    std::string got;
    for (int tries = 0; got.size() < large().size() && tries < 200; ++tries) {
        bool again = false;
        try {
            task<> going = go_on(got);
            co_await going;
        } catch (const error&) {
            again = true;
        }
        if (again) co_await sleep(1s);
    }
    world.expect(got == large(), "what was cut off is gone on with, to the byte");
    shop.stop();
}

TEST(Web, WhoIsCutOffGoesOnWhereItWas) {
    const folder files;
    for (const engine which : {engine::uring, engine::epoll})
        EXPECT_TRUE(sim::check({.seeds = 200, .chance = sim::check_options::mischief::breaking},
                               [&](sim::world& world) { run(world, which, files, stubborn); }));
}

// ---- who is slow

/// Sends `slowly`, a byte every five seconds, and hears what comes of it.
task<told> drip(stream& peer, std::string_view at_once, std::string_view slowly) {
    co_await peer.write(at_once);
    try {
        for (const char each : slowly) {
            co_await sleep(5s);
            co_await peer.write(std::string_view(&each, 1));
        }
    } catch (const error&) {
    }
    task<told> hearing = hear(peer);
    co_return co_await hearing;
}

duration since(sim::world& world, duration began) { return world.elapsed() - began; }

task<> slow_ones(sim::world& world, server& shop) {
    task<stream> first = call();
    stream peer = co_await first;
    duration began = world.elapsed();
    task<told> head = drip(peer, "GET /hello HTTP/1.1\r\n", "Ho");
    const told late = co_await head;
    world.expect(late.has("408 ") && late.has("Connection: close"), "a head that does not end is told so");
    world.expect(since(world, began) >= 10s && since(world, began) < 12s, "after its ten seconds");

    task<stream> second = call();
    peer = co_await second;
    began = world.elapsed();
    const std::string post = std::string("POST /hello").append(host).append("Content-Length: 100\r\n\r\n");
    task<told> body = drip(peer, post, "abc");
    const told slow = co_await body;
    world.expect(slow.has("408 ") && slow.has("Connection: close"), "a body that does not end is told so");
    world.expect(since(world, began) >= 20s && since(world, began) < 22s, "after its twenty seconds");

    task<stream> third = call();
    peer = co_await third;
    began = world.elapsed();
    const auto silent = co_await peer.read_some();
    world.expect(!silent && since(world, began) >= 10s && since(world, began) < 11s,
                 "who says nothing is let go");

    task<stream> fourth = call();
    peer = co_await fourth;
    const std::string request = get("/hello");
    task<told> asking = ask(peer, request);
    co_await asking;
    began = world.elapsed();
    const auto idle = co_await peer.read_some();
    world.expect(!idle && since(world, began) >= 59s && since(world, began) < 61s, "so is who asks no more");

    task<stream> fifth = call();
    peer = co_await fifth;
    std::string many;
    for (int i = 0; i < 100; ++i)
        many += get("/large");
    co_await peer.write(many);
    co_await sleep(100s);
    world.expect(shop.connections() == 0, "and who takes nothing");
    peer.abort();
    shop.stop();
}

TEST(Web, TheSlowAreTold) {
    const folder files;
    for (const engine which : {engine::uring, engine::epoll})
        EXPECT_TRUE(sim::check({.seeds = 20, .chance = sim::check_options::mischief::none},
                               [&](sim::world& world) { run(world, which, files, slow_ones); }));
}

// ---- the live page

task<std::string> frame_from(stream& peer) {
    const auto head = co_await peer.read_exactly(2);
    if (!head) co_return "";
    std::size_t size = static_cast<unsigned char>((*head)[1]);
    if (size == 126) {
        const auto longer = co_await peer.read_exactly(2);
        size = static_cast<std::size_t>(static_cast<unsigned char>((*longer)[0]) << 8 |
                                        static_cast<unsigned char>((*longer)[1]));
    }
    if (size == 0) co_return "ping";
    const auto payload = co_await peer.read_exactly(size);
    co_return std::string(*payload);
}

task<> wait_for_count(sim::world& world, stream& peer, int wanted) {
    const std::string count = "{\"count\":" + std::to_string(wanted) + ",";
    for (int told = 0; told < 50; ++told) {
        task<std::string> next = frame_from(peer);
        const std::string seen = co_await next;
        if (seen.starts_with(count)) co_return;
    }
    world.expect(false, "it tells how many are here");
}

task<> watcher(sim::world& world, server& shop) {
    task<stream> first = call();
    stream page = co_await first;
    const std::string upgrade =
        get("/live/socket",
            "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n");
    task<told> asking = ask(page, upgrade);
    const told opened = co_await asking;
    world.expect(opened.has("101 ") && opened.has("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "RFC 6455, 1.3");
    task<> one = wait_for_count(world, page, 1);
    co_await one;
    {
        task<stream> second = call();
        stream other = co_await second;
        task<> two = wait_for_count(world, page, 2);
        co_await two;
        other.abort();
    }
    task<> alone = wait_for_count(world, page, 1);
    co_await alone;
    // Who answers no ping is given up: by the idle timeout.
    const duration began = world.elapsed();
    std::string last = "?";
    while (!last.empty()) {
        task<std::string> next = frame_from(page);
        last = co_await next;
    }
    world.expect(since(world, began) >= 50s && since(world, began) < 70s,
                 "a page that answers no ping is let go");
    shop.stop();
}

TEST(Web, TheLivePageTellsWhoComesAndGoes) {
    const folder files;
    for (const engine which : {engine::uring, engine::epoll})
        EXPECT_TRUE(
            sim::check({.seeds = 100}, [&](sim::world& world) { run(world, which, files, watcher); }));
}

}  // namespace
}  // namespace aperto
