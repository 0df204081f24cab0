// SPDX-License-Identifier: MIT
#include "cli/failure.hpp"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <fstream>
#include <string>

namespace aperto::cli {
namespace {

// Port 9999 is 270F. The first line listens there, the second is a connection from there, the third listens
// on 8080.
constexpr std::string_view table =
    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
    "   0: 00000000:270F 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 4242 1 0000 "
    "100 0\n"
    "   1: 0100007F:270F 0100007F:C001 01 00000000:00000000 00:00000000 00000000  1000        0 4243 1 0000 "
    "100 0\n"
    "   2: 00000000:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4244 1 0000 "
    "100 0\n";

TEST(port_owner, only_who_listens_on_the_port_is_found) {
    EXPECT_EQ(find_listening_sockets(table, 9999), (std::vector<listening_socket>{{4242, 1000}}));
    EXPECT_EQ(find_listening_sockets(table, 8080), (std::vector<listening_socket>{{4244, 0}}));
    EXPECT_TRUE(find_listening_sockets(table, 80).empty());
}

TEST(port_owner, a_connection_that_has_ended_tells_how_long_it_stays) {
    using namespace std::chrono_literals;
    constexpr std::string_view ended =
        "   0: 0100007F:270F 0100007F:C001 06 00000000:00000000 03:00000F1C 00000000     0        0 0 3 "
        "0000\n"
        "   1: 0100007F:270F 0100007F:C002 06 00000000:00000000 03:00000064 00000000     0        0 0 3 "
        "0000\n"
        "   2: 0100007F:C003 0100007F:270F 06 00000000:00000000 03:00001770 00000000     0        0 0 3 "
        "0000\n";
    ASSERT_EQ(::sysconf(_SC_CLK_TCK), 100) << "as everywhere since Linux 2.6";
    EXPECT_EQ(time_wait_in(ended, 9999), 38'680ms) << "the longest of this side's";
    EXPECT_EQ(time_wait_in(table, 9999), std::nullopt);
    EXPECT_EQ(time_wait_in("", 9999), std::nullopt);
}

TEST(port_owner, lines_of_another_form_are_passed_over) {
    EXPECT_TRUE(find_listening_sockets("", 9999).empty());
    EXPECT_TRUE(find_listening_sockets("nonsense\n\n 0: 270F x 0A\n", 9999).empty());
    const std::string torn(table.substr(0, table.find("4242")));
    EXPECT_TRUE(find_listening_sockets(torn, 9999).empty());
}

TEST(port_owner, this_process_finds_itself) {
    const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ASSERT_GE(listener, 0);
    ASSERT_EQ(::listen(listener, 1), 0);
    sockaddr_in bound{};
    socklen_t size = sizeof bound;
    ASSERT_EQ(::getsockname(listener, reinterpret_cast<sockaddr*>(&bound), &size), 0);
    const auto owner = find_port_owner(ntohs(bound.sin_port));
    ASSERT_TRUE(owner);
    EXPECT_EQ(owner->process, ::getpid());
    std::string own_name;
    std::getline(std::ifstream("/proc/self/comm"), own_name);
    EXPECT_EQ(owner->command, own_name);
    ::close(listener);
}

}  // namespace
}  // namespace aperto::cli
