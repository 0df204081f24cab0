// SPDX-License-Identifier: MIT
#include "aperto/endpoint.hpp"

#include "aperto/error.hpp"

#include <gtest/gtest.h>
#include <net/if.h>
#include <netinet/in.h>

namespace aperto {
namespace {

/// The advice of the error that `parse` of `text` throws; empty where it throws none.
template <class Parse>
std::string complaint(Parse parse, std::string_view text) {
    try {
        parse(text);
    } catch (const error& why) {
        EXPECT_EQ(why.code(), errc::malformed) << text;
        return why.advice();
    }
    return {};
}

std::string complaint_on_endpoint(std::string_view text) {
    return complaint([](std::string_view from) { endpoint::parse(from); }, text);
}
std::string complaint_on_host(std::string_view text) {
    return complaint([](std::string_view from) { host_port::parse(from); }, text);
}

TEST(Endpoint, IsReadAndWrittenInItsNumericForm) {
    for (const std::string_view text : {"192.0.2.7:9999", "[::1]:9999", "[2001:db8::7]:0", "127.0.0.1:65535",
                                        "[::]:80", "0.0.0.0:80", "[2001:db8:0:1:1:1:1:1]:1"})
        EXPECT_EQ(endpoint::parse(text).to_string(), text);
    EXPECT_EQ(endpoint::parse("[2001:DB8:0:0:0:0:0:7]:1").to_string(), "[2001:db8::7]:1");
}

TEST(Endpoint, NamesAZoneByItsInterface) {
    const unsigned loopback = if_nametoindex("lo");
    ASSERT_NE(loopback, 0u);
    EXPECT_EQ(endpoint::parse("[fe80::1%lo]:9").to_string(), "[fe80::1%lo]:9");
    EXPECT_EQ(endpoint::parse("[fe80::1%" + std::to_string(loopback) + "]:9"),
              endpoint::parse("[fe80::1%lo]:9"));
    EXPECT_EQ(endpoint::from_address("fe80::1%no-such-link", 9), std::nullopt);
    EXPECT_EQ(endpoint::from_address("127.0.0.1%lo", 9), std::nullopt);
}

TEST(Endpoint, WithoutAnAddressIsEveryAddress) {
    EXPECT_EQ(endpoint::parse(":9999"), endpoint::any(9999));
    EXPECT_TRUE(endpoint::any(1).is_any());
    EXPECT_TRUE(endpoint::any(1, false).is_any());
    EXPECT_EQ(endpoint::any(1, false).to_string(), "0.0.0.0:1");
    EXPECT_FALSE(endpoint().is_any());
    EXPECT_FALSE(endpoint());
}

TEST(Endpoint, KnowsTheLoopback) {
    EXPECT_TRUE(endpoint::parse("127.8.9.1:1").is_loopback());
    EXPECT_TRUE(endpoint::parse("[::1]:1").is_loopback());
    EXPECT_FALSE(endpoint::parse("[::2]:1").is_loopback());
    EXPECT_FALSE(endpoint::parse("[100::1]:1").is_loopback());
    EXPECT_FALSE(endpoint::parse("128.0.0.1:1").is_loopback());
}

TEST(Endpoint, SurvivesTheKernelsForm) {
    for (const std::string_view text : {"192.0.2.7:9999", "[2001:db8::7]:443", "[fe80::1%lo]:9"}) {
        const endpoint before = endpoint::parse(text);
        sockaddr_storage kernel_form;
        const socklen_t size = before.to_sockaddr(kernel_form);
        EXPECT_EQ(size, before.family() == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6));
        EXPECT_EQ(endpoint::from_sockaddr(kernel_form), before) << text;
    }
    sockaddr_storage none{};
    none.ss_family = AF_UNIX;
    EXPECT_FALSE(endpoint::from_sockaddr(none));
}

TEST(Endpoint, SeesAnIpv4ClientOfADualStackSocketAsWhatItIs) {
    const endpoint mapped = endpoint::parse("[::ffff:192.0.2.7]:5");
    EXPECT_EQ(mapped, endpoint::parse("192.0.2.7:5"));
    sockaddr_storage kernel_form{};
    kernel_form.ss_family = AF_INET6;
    auto& ipv6 = reinterpret_cast<sockaddr_in6&>(kernel_form);
    ipv6.sin6_port = htons(5);
    std::copy(mapped.bytes().begin(), mapped.bytes().end(), ipv6.sin6_addr.s6_addr);
    EXPECT_EQ(endpoint::from_sockaddr(kernel_form).to_string(), "192.0.2.7:5");
}

TEST(Endpoint, SaysWhatIsWrong) {
    EXPECT_EQ(complaint_on_endpoint("192.0.2.7"), "The port is missing: write address:port.");
    EXPECT_EQ(complaint_on_endpoint("::1"), "An IPv6 address with a port is written [address]:port.");
    EXPECT_EQ(complaint_on_endpoint("[::1"), "The bracket is never closed: write [address]:port.");
    EXPECT_EQ(complaint_on_endpoint("[192.0.2.7]:1"), "Brackets are for IPv6 addresses alone.");
    for (const std::string_view port : {"", "65536", "-1", "+1", "1x", " 1", "099999", "1.0"})
        EXPECT_EQ(complaint_on_endpoint("127.0.0.1:" + std::string(port)),
                  "A port is a number from 0 to 65535.")
            << port;
    for (const std::string_view text : {"sala-3:1", "256.0.0.1:1", "[]:1", "1.2.3:1", "01.2.3.4.5:1"})
        EXPECT_EQ(complaint_on_endpoint(text),
                  "It is not a numeric IPv4 or IPv6 address of this machine's networks.")
            << text;
    EXPECT_NE(complaint_on_endpoint(std::string_view("127.0.0.1\0:1", 12)), "");
}

TEST(Endpoint, ShowsTheTextThatItRefusesSafely) {
    try {
        endpoint::parse("\033[2J" + std::string(10'000, 'x'));
        FAIL();
    } catch (const error& why) {
        EXPECT_EQ(why.whom().find('\033'), std::string::npos);
        EXPECT_LT(why.whom().size(), 300u);
    }
}

TEST(HostPort, IsReadAsPeopleTypeIt) {
    const auto read = [](std::string_view text) {
        const host_port where = host_port::parse(text, 9999);
        return where.host + ' ' + std::to_string(where.port);
    };
    EXPECT_EQ(read("localhost:80"), "localhost 80");
    EXPECT_EQ(read("sala-3"), "sala-3 9999");
    EXPECT_EQ(read("192.0.2.7:80"), "192.0.2.7 80");
    EXPECT_EQ(read("[::1]:80"), "::1 80");
    EXPECT_EQ(read("[::1]"), "::1 9999");
    EXPECT_EQ(read("::1"), "::1 9999");
    EXPECT_EQ(read("fe80::1%lo"), "fe80::1%lo 9999");
    EXPECT_EQ(read("maçã.example:1"), "maçã.example 1");
    EXPECT_EQ(host_port::parse("[::1]:80").to_string(), "[::1]:80");
    EXPECT_EQ(host_port::parse("sala-3:80").to_string(), "sala-3:80");
}

TEST(HostPort, SaysWhatIsWrong) {
    EXPECT_EQ(complaint_on_host("sala-3"), "The port is missing: write host:port.");
    EXPECT_EQ(complaint_on_host(":80"), "The host is missing: write host:port.");
    EXPECT_EQ(complaint_on_host("[::1"), "The bracket is never closed: write [address]:port.");
    EXPECT_EQ(complaint_on_host("[::1]80"),
              "Only a colon and a port may follow the bracket: write [address]:port.");
    EXPECT_EQ(complaint_on_host(""), "The host is missing: write host:port.");
    EXPECT_EQ(complaint_on_host("sala-3:"), "A port is a number from 0 to 65535.");
    EXPECT_EQ(complaint_on_host("sala-3:99999"), "A port is a number from 0 to 65535.");
    EXPECT_EQ(complaint_on_host("a:b:80"), "Write host:port, or [address]:port for an IPv6 address.");
    EXPECT_EQ(complaint_on_host("[sala-3]:80"), "Brackets are for IPv6 addresses alone.");
    for (const std::string_view text :
         {"http://sala-3:80", "sala 3:80", "sala\n3:80", "\033:80", "user@sala-3:80"})
        EXPECT_NE(complaint_on_host(text), "") << text;
    EXPECT_EQ(complaint_on_host(std::string(256, 'a') + ":80"), "A host name has at most 255 bytes.");
}

}  // namespace
}  // namespace aperto
