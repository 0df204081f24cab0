// SPDX-License-Identifier: MIT
#include "cli/failure.hpp"

#include <gtest/gtest.h>

namespace aperto::cli {
namespace {

using namespace std::chrono_literals;

error caused(std::errc code, std::string_view whom = "sala-3 (192.0.2.7) port 9999") {
    return {std::make_error_code(code), "connect to", whom};
}

failure of_connect(const error& cause) { return explain_connect(cause, "sala-3", 9999, 5s); }

TEST(failure, each_way_not_to_connect_is_told_apart) {
    const std::string where = "could not connect to sala-3 (192.0.2.7) port 9999: ";
    EXPECT_EQ(of_connect(caused(std::errc::connection_refused)).what, where + "connection refused");
    EXPECT_EQ(of_connect(caused(std::errc::timed_out)).what, where + "no answer in 5.0 s");
    EXPECT_EQ(of_connect(caused(std::errc::host_unreachable)).what,
              where + "no way to that machine (host unreachable)");
    EXPECT_EQ(of_connect(caused(std::errc::network_unreachable)).what,
              where + "no way to its network (network unreachable)");
    EXPECT_EQ(of_connect(error(errc::name_not_found, "find", "sala-3")).what,
              "could not find a machine named sala-3");
    EXPECT_EQ(of_connect(error(errc::name_try_again, "find", "sala-3")).what,
              "could not look up the name sala-3: the name service did not answer");
}

TEST(failure, each_comes_with_the_code_and_with_advice) {
    for (const std::errc code :
         {std::errc::connection_refused, std::errc::timed_out, std::errc::host_unreachable,
          std::errc::network_unreachable, std::errc::permission_denied}) {
        EXPECT_EQ(of_connect(caused(code)).code, exit_no_connection);
        EXPECT_NE(of_connect(caused(code)).advice, "");
    }
    EXPECT_EQ(of_connect(caused(std::errc::connection_refused)).advice,
              "The machine answered, but nothing listens on that port. Is the server running there?"
              "  aperto serve --port 9999");
}

TEST(failure, a_link_local_address_lacks_its_zone) {
    const error cause = caused(std::errc::invalid_argument, "fe80::1 port 1");
    for (const failure& told :
         {explain_connect(cause, "fe80::1", 1, 5s), explain_listen(cause, "fe80::1", 1)}) {
        EXPECT_NE(told.what.find("the address lacks its zone"), std::string::npos) << told.what;
        EXPECT_NE(told.advice.find("--host fe80::1%eth0"), std::string::npos) << told.advice;
    }
    EXPECT_EQ(explain_connect(cause, "::1", 1, 5s).what.find("zone"), std::string::npos);
}

TEST(failure, a_name_does_not_drive_the_terminal) {
    const std::string name = "sala\033[2J\u202E";
    for (const std::error_code code :
         {make_error_code(errc::name_not_found), make_error_code(errc::name_try_again),
          make_error_code(std::errc::connection_refused),
          make_error_code(std::errc::address_not_available)}) {
        const error cause(code, "find", name);
        for (const failure& told : {explain_connect(cause, name, 1, 5s), explain_listen(cause, name, 1)})
            EXPECT_EQ((told.what + told.advice).find_first_of("\033\xE2"), std::string::npos) << told.what;
    }
}

TEST(failure, an_address_is_not_told_twice) {
    const failure told =
        explain_connect(caused(std::errc::connection_refused, "192.0.2.7 port 1"), "192.0.2.7", 1, 5s);
    EXPECT_EQ(told.what, "could not connect to 192.0.2.7 port 1: connection refused");
}

TEST(failure, what_has_no_words_of_ours_has_the_systems) {
    EXPECT_EQ(of_connect(caused(std::errc::no_buffer_space)).what,
              "could not connect to sala-3 (192.0.2.7) port 9999: no buffer space available");
}

TEST(failure, a_reply_cut_short_says_by_what) {
    for (const std::error_code code :
         {std::make_error_code(std::errc::connection_reset), std::make_error_code(std::errc::timed_out),
          make_error_code(errc::cut_short), make_error_code(errc::message_too_large),
          std::make_error_code(std::errc::io_error)}) {
        const failure told = explain_broken(error(code, "receive from", "x"));
        EXPECT_EQ(told.code, exit_cut_short);
        EXPECT_EQ(told.what.find("the reply was cut short: "), 0u) << told.what;
    }
}

TEST(failure, each_way_not_to_listen_is_told_apart) {
    EXPECT_EQ(explain_listen(caused(std::errc::permission_denied), "", 80).what,
              "could not listen: port 80 is privileged");
    EXPECT_EQ(explain_listen(caused(std::errc::address_not_available), "192.0.2.1", 80).what,
              "could not listen: 192.0.2.1 is not an address of this machine");
    EXPECT_EQ(explain_listen(caused(std::errc::permission_denied), "", 8080).what,
              "could not listen on port 8080: permission denied");
    EXPECT_EQ(explain_listen(caused(std::errc::io_error), "::1", 8080).code, exit_no_listen);
}

TEST(failure, an_engine_that_was_refused_is_no_matter_of_ports) {
    const failure told = explain_listen(
        error(std::make_error_code(std::errc::operation_not_permitted), "use", "io_uring"), "", 1);
    EXPECT_EQ(told.what, "could not use io_uring: operation not permitted");
    EXPECT_EQ(told.code, exit_failed);
}

}  // namespace
}  // namespace aperto::cli
