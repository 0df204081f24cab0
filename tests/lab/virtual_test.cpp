// SPDX-License-Identifier: MIT
#include "lab/virtual/digest.hpp"
#include "lab/virtual/guest_request.hpp"
#include "lab/virtual/sha256.hpp"

#include <gmock/gmock.h>

#include <stdexcept>

namespace aperto::lab {
namespace {

TEST(Sha256, HasTheDigestsOfTheStandardsExamples) {
    EXPECT_EQ(sha256::of(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    EXPECT_EQ(sha256::of("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    EXPECT_EQ(sha256::of("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
              "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    EXPECT_EQ(sha256::of(std::string(1'000'000, 'a')),
              "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Sha256, DoesNotDependOnThePieces) {
    sha256 pieces;
    for (const std::size_t size : {1U, 63U, 64U, 65U, 7U}) {
        pieces.add(std::string(size, 'x'));
    }
    EXPECT_EQ(pieces.hex(), sha256::of(std::string(200, 'x')));
}

TEST(GuestRequest, IsReadAsItWasWritten) {
    guest_request asked;
    asked.arguments = {"/usr/bin/aperto", "lab", "", "a b", "\xff\n"};
    asked.environment = {"A=1", "B="};
    asked.folder = "/some where";
    asked.user = 1000;
    asked.group = 100;
    asked.groups = {4, 27};
    asked.mask = 077;
    asked.in = stdio_kind::file;
    asked.out = stdio_kind::terminal;
    asked.err = stdio_kind::as_output;
    asked.rows = 50;
    asked.columns = 132;
    asked.wanted = {"/tmp/a.json"};
    asked.kept = {"/tmp/b", "/tmp/c"};
    const auto read = guest_request::read(asked.text());
    EXPECT_EQ(read.text(), asked.text());
    EXPECT_EQ(read.arguments, asked.arguments);
    EXPECT_EQ(read.environment, asked.environment);
    EXPECT_EQ(read.folder, asked.folder);
    EXPECT_EQ(read.user, 1000U);
    EXPECT_EQ(read.groups, asked.groups);
    EXPECT_EQ(read.mask, 077U);
    EXPECT_EQ(read.err, stdio_kind::as_output);
    EXPECT_EQ(read.columns, 132U);
    EXPECT_EQ(read.wanted, asked.wanted);
    EXPECT_EQ(read.kept, asked.kept);
}

TEST(GuestRequest, RefusesWhatIsCutShort) {
    const auto whole = guest_request{}.text();
    for (std::size_t size = 0; size < whole.size(); ++size) {
        EXPECT_THROW(guest_request::read(whole.substr(0, size)), std::runtime_error) << size;
    }
}

TEST(Frames, ComeOneByOneAndOnlyWhole) {
    const auto both = frame(frame_kind::out, "text") + frame(frame_kind::ended, "0 1.5");
    read_frame one{};
    for (std::size_t size = 0; size < frame_head_size + 4; ++size) {
        EXPECT_FALSE(next_frame(std::string_view(both).substr(0, size), one)) << size;
    }
    ASSERT_TRUE(next_frame(both, one));
    EXPECT_EQ(one.kind, frame_kind::out);
    EXPECT_EQ(one.bytes, "text");
    ASSERT_TRUE(next_frame(std::string_view(both).substr(one.size), one));
    EXPECT_EQ(one.kind, frame_kind::ended);
    EXPECT_EQ(one.bytes, "0 1.5");
}

digest some_digest() {
    digest out;
    out.seed = 7;
    out.kernel = "abc";
    out.kernel_version = "6.1.1";
    out.programs = {{"/bin/a", "1"}, {"/bin/b", "2"}};
    out.result = "def";
    out.arguments = {"--virtual", "--json", "x"};
    out.folder = "/tmp";
    return out;
}

TEST(Digest, IsTakenFromTheEndOfAReport) {
    auto report = "{\"event\":\"run\"}\n" + some_digest().line();
    const auto read = digest::take_from(report);
    ASSERT_TRUE(read);
    EXPECT_EQ(report, "{\"event\":\"run\"}\n");
    EXPECT_EQ(read->line(), some_digest().line());
}

TEST(Digest, IsNotFoundWhereThereIsNone) {
    for (const std::string text :
         {"", "\n", "{}\n", "no json\n", "{\"event\":\"run\"}\n", "{\"event\":\"virtual\"}\n",
          "{\"event\":\"virtual\",\"seed\":\"x\"}\n", "[1]\n"}) {
        auto report = text;
        EXPECT_FALSE(digest::take_from(report)) << text;
        EXPECT_EQ(report, text);
    }
}

TEST(Digest, TellsWhatChanged) {
    EXPECT_THAT(what_changed(some_digest(), "abc", some_digest().programs), testing::IsEmpty());
    EXPECT_THAT(what_changed(some_digest(), "other", {{"/bin/a", "1"}, {"/bin/b", "9"}}),
                testing::ElementsAre(testing::HasSubstr("kernel"), testing::HasSubstr("/bin/b")));
    EXPECT_EQ(what_changed(some_digest(), "abc", {}).size(), 2U);
}

TEST(Digest, FindsTheFirstDifference) {
    const auto at = first_difference("a\nb\nc\n", "a\nB\nc\n");
    EXPECT_EQ(at.number, 2U);
    EXPECT_EQ(at.then, "b");
    EXPECT_EQ(at.now, "B");
    EXPECT_EQ(first_difference("a\n", "a\nb\n").now, "b");
    EXPECT_EQ(count_lines("a\nb\n"), 2U);
}

TEST(Digest, KnowsAFileByItsName) {
    EXPECT_TRUE(is_named_by("/a/one.json", "/a/{}.json"));
    EXPECT_TRUE(is_named_by("/a/x", "/a/x"));
    EXPECT_FALSE(is_named_by("/a/one.pcap", "/a/{}.json"));
    EXPECT_FALSE(is_named_by("/a/x", "/a/y"));
}

}  // namespace
}  // namespace aperto::lab
