// SPDX-License-Identifier: MIT
#include "lab/analysis/quantity.hpp"
#include "lab/hosts/box.hpp"
#include "lab/wire/link.hpp"

#include <gtest/gtest.h>

namespace aperto::lab {

using namespace std::chrono_literals;

TEST(quantity, reads_units_and_refuses_what_has_none) {
    EXPECT_EQ(parse_duration("50ms"), 50ms);
    EXPECT_EQ(parse_duration("1.5 s"), 1500ms);
    EXPECT_EQ(parse_duration("20us"), 20us);
    EXPECT_DOUBLE_EQ(parse_fraction("5%"), 0.05);
    EXPECT_EQ(parse_rate("10mbit"), 10'000'000U);
    EXPECT_EQ(parse_size("1MiB"), 1'048'576U);
    for (const char* wrong :
         {"", "50", "ms", "-5ms", "1e9s", "nan ms", "5 fortnights", "1.2.3s", "99999999min"}) {
        EXPECT_THROW(parse_duration(wrong), bad_input) << wrong;
    }
    for (const char* wrong : {"", "101%", "-1%", "x", "5 %%"}) {
        EXPECT_THROW(parse_fraction(wrong), bad_input) << wrong;
    }
}

TEST(quantity, writes_what_people_read) {
    EXPECT_EQ(number_text(65'160), "65,160");
    EXPECT_EQ(number_text(999), "999");
    EXPECT_EQ(number_text(1'234'567), "1,234,567");
    EXPECT_EQ(duration_text(204'970us), "205 ms");
    EXPECT_EQ(duration_text(140us), "140 µs");
    EXPECT_EQ(duration_text(1'500ms), "1.50 s");
    EXPECT_EQ(size_text(1460), "1,460 B");
    EXPECT_EQ(rate_text(12.5e6), "12.5 Mbit/s");
    EXPECT_EQ(milliseconds_text(204'970us, 2), "204.97");
}

TEST(link_options, a_direction_and_a_time_may_be_given) {
    link_plan plan;
    plan.set("loss", "5%");
    plan.set("delay", "client:20ms");
    plan.set("blackhole", "server:true@1s..3s");
    EXPECT_DOUBLE_EQ(plan.base[0].loss, 0.05);
    EXPECT_DOUBLE_EQ(plan.base[1].loss, 0.05);
    EXPECT_EQ(plan.base[0].delay, 20ms);
    EXPECT_EQ(plan.base[1].delay, 0ms);
    EXPECT_TRUE(plan.phases[0].empty());
    ASSERT_EQ(plan.phases[1].size(), 1U);
    EXPECT_EQ(plan.phases[1][0].begin, 1s);
    EXPECT_EQ(plan.phases[1][0].end, 3s);
}

TEST(link_options, every_option_takes_the_example_its_help_gives) {
    for (const auto& option : link_options()) {
        const std::string help = option.help;
        const auto colon = help.rfind(": ");
        if (colon != std::string::npos && help.find(':') == colon &&
            help.find(" or ", colon) == std::string::npos) {
            link_settings to;
            EXPECT_NO_THROW(option.apply(to, help.substr(colon + 2))) << option.key;
        }
    }
}

TEST(link_options, mistakes_are_named) {
    link_plan plan;
    EXPECT_THROW(plan.set("loss", "much"), bad_input);
    EXPECT_THROW(plan.set("blackhole", "true@3s..1s"), bad_input);
    EXPECT_THROW(plan.set("mtu", "12"), bad_input);
    try {
        plan.set("dealy", "5ms");
        FAIL();
    } catch (const bad_input& wrong) {
        EXPECT_NE(std::string(wrong.what()).find("did you mean 'delay'"), std::string::npos) << wrong.what();
    }
}

TEST(tcp_settings, the_route_s_smallest_timeout_comes_before_the_setting) {
    host_plan plan{.settings = textbook_settings()};
    EXPECT_EQ(traits_of(plan).rto_min, 200ms);
    change_setting(plan.settings, "tcp_rto_min_us=30000");
    EXPECT_EQ(traits_of(plan).rto_min, 30ms);
    plan.rto_min = parse_rto_min("1s");
    EXPECT_EQ(traits_of(plan).rto_min, 1s);
    for (const char* wrong : {"500us", "0ms", "121s"}) {
        EXPECT_THROW(parse_rto_min(wrong), bad_input) << wrong;
    }
}

TEST(tcp_settings, one_can_be_changed_by_any_of_its_spellings) {
    auto settings = textbook_settings();
    EXPECT_FALSE(traits_of({.settings = settings}).tail_probes);
    const auto count = settings.size();
    change_setting(settings, "net.ipv4.tcp_early_retrans=3");
    change_setting(settings, "tcp_sack = 0");
    EXPECT_EQ(settings.size(), count);
    EXPECT_TRUE(traits_of({.settings = settings}).tail_probes);
    change_setting(settings, "tcp_early_retrans=1");
    EXPECT_FALSE(traits_of({.settings = settings}).tail_probes);
    EXPECT_TRUE(traits_of({}).tail_probes) << "as the kernel does where nothing is said";
    for (const char* wrong : {"tcp_sack", "../../kernel/x=1", "TCP=1", "=1"}) {
        EXPECT_THROW(change_setting(settings, wrong), bad_input) << wrong;
    }
}

}  // namespace aperto::lab
