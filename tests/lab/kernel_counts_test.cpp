// SPDX-License-Identifier: MIT
#include "lab/scenario/report.hpp"
#include "lab/view/page.hpp"
#include "lab/view/summary.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

namespace aperto::lab {

namespace {

/// A run in which the client sent three times again, once by the timer, and whose kernel has counted so.
run_report three_sent_again() {
    run_report report;
    auto& client = report.flows.emplace_back().half(side::client);
    report.flows.back().number = 1;
    client.recovery.tally = {.all = 3, .timeouts = 1, .fast = 1, .probes = 1};
    auto& kernel = report.kernel[index(side::client)];
    kernel.at_start = {{"RetransSegs", 10}, {"TCPTimeouts", 5}, {"TCPFastRetrans", 0}, {"TCPLossProbes", 0}};
    kernel.at_end = {{"RetransSegs", 13}, {"TCPTimeouts", 6}, {"TCPFastRetrans", 1}, {"TCPLossProbes", 4}};
    kernel.after_end = kernel.at_end;
    return report;
}

std::string page_of(const run_report& report) {
    const auto path = std::filesystem::temp_directory_path() / "aperto-kernel-counts-test.html";
    const std::vector<named_fault> named;
    page_data("counts", named).write(path.string(), report, {});
    std::stringstream out;
    out << std::ifstream(path).rdbuf();
    std::filesystem::remove(path);
    return out.str();
}

}  // namespace

TEST(kernel_counts, what_the_kernel_counted_before_the_run_is_not_the_run_s) {
    const auto report = three_sent_again();
    EXPECT_TRUE(counts_agree(report));
    const auto all = compare_counts(report);
    ASSERT_EQ(all.size(), 4U) << "a counter that this kernel lacks is left out";
    EXPECT_EQ(all[0], (compared_count{side::client, "RetransSegs", 3, 3, 3, false}));
    EXPECT_NE(summary_text(report).find("count the same"), std::string::npos) << summary_text(report);
    EXPECT_NE(summary_json(report).find(R"("counts_agree":true)"), std::string::npos);
}

TEST(kernel_counts, where_they_differ_terminal_json_and_page_say_so) {
    auto report = three_sent_again();
    ++report.kernel[index(side::client)].at_end["TCPTimeouts"];
    ++report.kernel[index(side::client)].after_end["TCPTimeouts"];
    EXPECT_FALSE(counts_agree(report));
    const std::string told = "COUNT OTHERWISE: client TCPTimeouts: 1 seen on the wire, 2 counted";
    EXPECT_NE(summary_text(report).find(told), std::string::npos) << summary_text(report);
    EXPECT_NE(summary_json(report).find(
                  R"({"host":"client","counter":"TCPTimeouts","wire":1,"kernel":[2,2],"agrees":false})"),
              std::string::npos)
        << summary_json(report);
    EXPECT_NE(page_of(report).find(told), std::string::npos);
}

TEST(kernel_counts, what_was_sent_while_the_wire_was_stopped_may_be_counted_or_not) {
    auto report = three_sent_again();
    report.kernel[index(side::client)].after_end["RetransSegs"] = 14;
    EXPECT_TRUE(counts_agree(report));
    report.flows.front().half(side::client).recovery.tally.all = 5;
    EXPECT_FALSE(counts_agree(report));
}

}  // namespace aperto::lab
