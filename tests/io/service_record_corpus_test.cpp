// SPDX-License-Identifier: MIT
#include "support/corpus.hpp"

// Each fuzzer has the one entry that libFuzzer calls; here several stand in one program.
#define LLVMFuzzerTestOneInput fuzz_service_record
#include "../../fuzz/service_record_fuzz.cpp"
#undef LLVMFuzzerTestOneInput

#include <fstream>
#include <iterator>

namespace {

TEST(ServiceRecordCorpus, HoldsForEveryInputKept) {
    aperto::corpus::replay("service_record", &fuzz_service_record);
}

/// As dnsmasq 2.90 answered for two servers, the names referring back (RFC 1035, 4.1.4).
std::vector<unsigned char> recorded() {
    std::ifstream file(aperto::corpus::folder("service_record") / "two", std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(file), {}};
    return {bytes.begin(), bytes.end()};
}

TEST(ServiceRecords, AreThoseOfARecordedAnswer) {
    const std::vector<service_record> records = io::parse_services(recorded());
    ASSERT_EQ(records.size(), 2u);
    for (const service_record& each : records) {
        const bool first = each.where.port == 9001;
        EXPECT_EQ(each.where.to_string(), first ? "a.sala.example:9001" : "b.sala.example:9002");
        EXPECT_EQ(each.priority, first ? 10 : 20);
        EXPECT_EQ(each.weight, first ? 60 : 0);
    }
}

TEST(ServiceRecords, AnAnswerThatBreaksOffIsRefused) {
    const std::vector<unsigned char> whole = recorded();
    // What follows the two answers is of no interest, and may be missing.
    std::size_t needed = whole.size();
    while (parse({whole.data(), needed - 1}))
        --needed;
    EXPECT_GT(needed, 12u + 2 * 18);
    for (std::size_t size = 0; size < needed; ++size)
        EXPECT_FALSE(parse({whole.data(), size})) << size;
}

}  // namespace
