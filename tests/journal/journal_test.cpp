// SPDX-License-Identifier: MIT
#include "aperto/journal.hpp"

#include "aperto/client.hpp"
#include "aperto/loop.hpp"
#include "aperto/sleep.hpp"
#include "journal/database.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace aperto {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr auto always = std::chrono::system_clock::time_point::min();
constexpr auto never = std::chrono::system_clock::time_point::max();

class a_journal : public testing::Test {
public:
    a_journal() {
        std::string name = testing::TempDir() + "journalXXXXXX";
        folder = ::mkdtemp(name.data());
        options.file = (folder / "book.db").string();
        options.durability = durability::process;
    }
    ~a_journal() override { std::filesystem::remove_all(folder); }

    static std::vector<std::string> read(const std::string& file,
                                         journal_reader::order way = journal_reader::order::oldest_first) {
        std::vector<std::string> found;
        journal_reader(file).read(always, never, way, [&found](const journal_entry& each) {
            found.push_back(std::to_string(each.sequence) + " " + each.peer + " " + each.message + " " +
                            each.reply.value_or("(none)"));
            return true;
        });
        return found;
    }

    std::filesystem::path folder;
    journal_options options;
};

task<> append_some(journal& book, std::string who, int count) {
    for (int i = 0; i < count; ++i) {
        task<> recorded = book.append(who, std::to_string(i), "ok");
        co_await recorded;
    }
}

void append_on_a_loop(journal& book, const std::string& who, int count) {
    auto loop = loop::create();
    loop->run(append_some(book, who, count));
}

TEST_F(a_journal, has_what_was_appended_with_its_reply) {
    {
        journal book(options);
        auto loop = loop::create();
        loop->run([](journal& into) -> task<> {
            task<> first = into.append("[::1]:1", std::string_view("a\0b\xff", 4), "A");
            co_await first;
            task<> second = into.append("[::1]:1", "", std::nullopt);
            co_await second;
            task<> third = into.append("[::1]:1", "c", "");
            co_await third;
        }(book));
        EXPECT_EQ(book.counters().recorded, 3U);
    }
    EXPECT_THAT(read(options.file),
                ElementsAre(std::string("1 [::1]:1 a\0b\xff A", 16), "2 [::1]:1  (none)", "3 [::1]:1 c "));
    EXPECT_THAT(read(options.file, journal_reader::order::newest_first), testing::SizeIs(3));
}

TEST_F(a_journal, goes_on_with_the_numbers_when_it_is_opened_again) {
    for (int i = 0; i < 2; ++i) {
        journal book(options);
        append_on_a_loop(book, "one", 1);
    }
    EXPECT_THAT(read(options.file), ElementsAre("1 one 0 ok", "2 one 0 ok"));
}

TEST_F(a_journal, commits_the_messages_of_many_loops_together) {
    journal book(options);
    std::vector<std::thread> loops;
    for (int i = 0; i < 4; ++i)
        loops.emplace_back([&book, i] { append_on_a_loop(book, std::to_string(i), 50); });
    for (std::thread& each : loops)
        each.join();
    const journal_counters counted = book.counters();
    EXPECT_EQ(counted.recorded, 200U);
    EXPECT_LE(counted.commits, 200U);
    EXPECT_EQ(journal_reader(options.file).verify().problems, std::vector<std::string>{});
    const std::vector<std::string> found = read(options.file);
    EXPECT_EQ(std::set<std::string>(found.begin(), found.end()).size(), 200U);
}

TEST_F(a_journal, commits_what_was_handed_over_at_once_in_two_transactions_at_most) {
    journal book(options);
    auto loop = loop::create();
    loop->run([](journal& into) -> task<> {
        std::vector<task<>> all;
        for (int i = 0; i < 100; ++i)
            all.push_back(into.append("many", std::to_string(i), "ok"));
        for (task<>& each : all)
            co_await each;
    }(book));
    EXPECT_EQ(book.counters().recorded, 100U);
    EXPECT_LT(book.counters().commits, 50U);
}

TEST_F(a_journal, is_put_aside_by_size_and_goes_on_with_the_numbers) {
    options.rotate_size = 100'000;
    std::vector<journal_news> told;
    options.note = [&told](const journal_news& news) { told.push_back(news); };
    {
        journal book(options);
        const std::string large(2000, 'x');
        auto loop = loop::create();
        loop->run([](journal& into, std::string message) -> task<> {
            for (int i = 0; i < 200; ++i) {
                task<> recorded = into.append("one", message, "ok");
                co_await recorded;
            }
        }(book, large));
        EXPECT_GE(book.counters().rotations, 3U);
        EXPECT_EQ(book.counters().rotations, told.size());
    }
    std::vector<std::string> files{options.file};
    for (const journal_news& each : told) {
        EXPECT_EQ(each.what, journal_news::kind::put_aside);
        files.push_back(each.file);
    }
    std::set<std::string> numbers;
    for (const std::string& file : files) {
        EXPECT_EQ(journal_reader(file).verify().problems, std::vector<std::string>{}) << file;
        for (const std::string& each : read(file))
            numbers.insert(each.substr(0, each.find(' ')));
    }
    EXPECT_EQ(numbers.size(), 200U);
    EXPECT_EQ(*std::min_element(numbers.begin(), numbers.end()), "1");
    EXPECT_TRUE(std::filesystem::exists(folder / "book-000000000001.db"));
}

TEST_F(a_journal, is_not_put_aside_while_somebody_reads_it) {
    options.rotate_size = 1;
    std::vector<journal_news> told;
    options.note = [&told](const journal_news& news) { told.push_back(news); };
    {
        journal book(options);
        append_on_a_loop(book, "one", 1);
        const journal_reader reader(options.file);
        EXPECT_EQ(reader.verify().messages, 1U);
        append_on_a_loop(book, "two", 1);
        EXPECT_EQ(reader.verify().messages, 2U);
    }
    ASSERT_EQ(told.size(), 1U);
    EXPECT_EQ(told[0].what, journal_news::kind::not_put_aside);
}

/// A server that is ended between two steps of a rotation leaves this.
TEST_F(a_journal, goes_on_in_the_next_file_where_a_rotation_was_cut_off) {
    {
        journal book(options);
        append_on_a_loop(book, "one", 3);
    }
    const std::filesystem::path next = options.file + ".next";
    std::filesystem::rename(options.file, next);
    {
        journal book(options);
        append_on_a_loop(book, "two", 1);
    }
    EXPECT_EQ(read(options.file).back(), "4 two 0 ok");
    EXPECT_FALSE(std::filesystem::exists(next));
}

/// As while one server follows another, and commits batch after batch: between two of them the lock is free for a moment.
TEST_F(a_journal, finds_the_moment_in_which_somebody_who_writes_much_lets_go_of_the_file) {
    journal book(options);
    std::atomic<bool> over = false;
    std::thread busy([&] {
        const sqlite::database same(options.file, SQLITE_OPEN_READWRITE);
        sqlite3_busy_timeout(same.get(), 5000);
        while (!over) {
            same.run("BEGIN IMMEDIATE");
            std::this_thread::sleep_for(300ms);
            same.run("COMMIT");
            std::this_thread::sleep_for(4ms);
        }
    });
    constexpr unsigned few = 6;
    unsigned recorded = 0;
    for (unsigned i = 0; i < few; ++i)
        try {
            std::this_thread::sleep_for(20ms);  // another moment each
            append_on_a_loop(book, "other", 1);
            ++recorded;
        } catch (const error&) {  // NOLINT(bugprone-empty-catch): counted below
        }
    over = true;
    busy.join();
    EXPECT_EQ(recorded, few);
}

TEST_F(a_journal, refuses_what_waits_beyond_its_bound) {
    options.max_waiting = 1000;
    journal book(options);
    auto loop = loop::create();
    int refused = 0;
    loop->run([](journal& into, int& thrown) -> task<> {
        std::vector<task<>> all;
        for (int i = 0; i < 50; ++i) {
            try {
                all.push_back(into.append("one", std::string(900, 'x'), "ok"));
            } catch (const error& why) {
                EXPECT_EQ(why.code(), std::errc::no_buffer_space);
                ++thrown;
            }
        }
        for (task<>& each : all)
            co_await each;
    }(book, refused));
    EXPECT_GT(refused, 0);
    EXPECT_EQ(book.counters().refused, static_cast<std::uint64_t>(refused));
    EXPECT_EQ(book.counters().recorded, static_cast<std::uint64_t>(50 - refused));
}

TEST_F(a_journal, is_made_for_its_owner_alone) {
    const journal book(options);
    const auto mode = std::filesystem::status(options.file).permissions();
    EXPECT_EQ(mode, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
}

TEST_F(a_journal, tells_of_a_gap) {
    {
        journal book(options);
        append_on_a_loop(book, "one", 5);
    }
    sqlite::database(options.file, SQLITE_OPEN_READWRITE).run("DELETE FROM messages WHERE seq = 3");
    EXPECT_THAT(journal_reader(options.file).verify().problems,
                ElementsAre("message 4 does not follow on message 2"));
}

TEST_F(a_journal, takes_no_file_of_another_program) {
    sqlite::database(options.file, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE).run("CREATE TABLE theirs (x)");
    try {
        const journal book(options);
        ADD_FAILURE() << "it was taken";
    } catch (const error& why) {
        EXPECT_EQ(why.code(), errc::malformed);
        EXPECT_EQ(why.advice(), "The file belongs to another program.");
    }
}

TEST_F(a_journal, records_no_handler_that_owns_its_conversation) {
    journal book(options);
    const auto session = [](stream) -> task<> { co_return; };
    EXPECT_THROW(static_cast<void>(book.record(session)), error);
}

/// What a client that says each of the words gets back from a server with that handler.
std::string talk_to(const handler& what, const std::string& words) {
    aperto::options chosen;
    chosen.host = "127.0.0.1";
    chosen.port = 0;
    chosen.workers = 1;
    chosen.framing = framing::line;
    chosen.max_in_flight = 8;
    server serving(chosen, what);
    serving.start();
    std::string heard;
    auto loop = loop::create();
    loop->run([](std::uint16_t port, std::string said, std::string& replies) -> task<> {
        task<stream> connecting = connect("127.0.0.1:" + std::to_string(port));
        stream peer = co_await connecting;
        co_await peer.write(said);
        co_await peer.shutdown_write();
        while (auto some = co_await peer.read_some())
            replies += *some;
    }(serving.endpoints().front().port(), words, heard));
    serving.stop();
    serving.wait();
    return heard;
}

TEST_F(a_journal, records_what_each_form_of_handler_answers) {
    {
        journal book(options);
        EXPECT_EQ(
            talk_to(book.record([](std::string_view text) { return std::string(text) + "!"; }), "a\nb\n"),
            "a!\nb!\n");
        EXPECT_EQ(talk_to(book.record([](std::string_view, exchange& with) { with.no_reply(); }), "c\n"), "");
        const auto later = [](std::string_view text) -> task<std::string> {
            co_await sleep(1ms);
            co_return std::string(text) + "?";
        };
        EXPECT_EQ(talk_to(book.record(later), "d\n"), "d?\n");
    }
    std::vector<std::string> without_peers;
    journal_reader(options.file)
        .read(always, never, journal_reader::order::oldest_first,
              [&without_peers](const journal_entry& each) {
                  without_peers.push_back(each.message + " " + each.reply.value_or("(none)"));
                  EXPECT_THAT(each.peer, HasSubstr("127.0.0.1:"));
                  return true;
              });
    EXPECT_THAT(without_peers, ElementsAre("a a!", "b b!", "c (none)", "d d?"));
}

/// A message that is refused ends its conversation without its reply; those before it have theirs.
TEST_F(a_journal, ends_the_conversation_of_a_message_that_it_cannot_record) {
    journal book(options);
    const handler recording = book.record([](std::string_view text) { return std::string(text); });
    EXPECT_EQ(talk_to(recording, "a\n"), "a\n");
    const sqlite::database other(options.file, SQLITE_OPEN_READWRITE);
    other.run("BEGIN IMMEDIATE");
    EXPECT_EQ(talk_to(recording, "b\n"), "");
    EXPECT_EQ(book.counters().refused, 1U);
    other.run("ROLLBACK");
    EXPECT_EQ(talk_to(recording, "c\n"), "c\n");
    EXPECT_EQ(book.counters().recorded, 2U);
}

}  // namespace
}  // namespace aperto
