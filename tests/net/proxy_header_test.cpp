// SPDX-License-Identifier: MIT
#include "net/proxy_header.hpp"

#include <gtest/gtest.h>

#include <string>

namespace aperto {
namespace {

using state = proxy_header::state;
using namespace std::string_literals;

const std::string signature("\r\n\r\n\0\r\nQUIT\n", 12);

std::string number(std::size_t value) {
    return {static_cast<char>(value >> 8), static_cast<char>(value & 0xff)};
}

std::string tlv(std::uint8_t type, const std::string& value) {
    return static_cast<char>(type) + number(value.size()) + value;
}

/// Version 2, of a client 192.0.2.7:4000 that connected to 198.51.100.1:443.
std::string version_2(const std::string& tlvs = {}, char command = '\x21') {
    const std::string addresses = "\xC0\x00\x02\x07\xC6\x33\x64\x01"s + number(4000) + number(443);
    return signature + command + '\x11' + number(addresses.size() + tlvs.size()) + addresses + tlvs;
}

/// With a checksum, computed as section 2.2.3 says.
std::string with_checksum(const std::string& tlvs) {
    std::string whole = version_2(tlvs + tlv(proxy_facts::crc32c, "\0\0\0\0"s));
    const std::uint32_t sum = crc32c(whole);
    for (int i = 0; i < 4; ++i)
        whole[whole.size() - 4 + static_cast<std::size_t>(i)] = static_cast<char>(sum >> (24 - 8 * i));
    return whole;
}

TEST(Crc32c, IsThatOfTheStandards) {
    EXPECT_EQ(crc32c("123456789"), 0xE3069283U);            // the check value of CRC-32/ISCSI
    EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8A9136AAU);  // RFC 3720, B.4
    EXPECT_EQ(crc32c(std::string(32, '\xff')), 0x62A8AB43U);
}

TEST(ProxyHeader, OfVersion1TellsTheClient) {
    const std::string line = "PROXY TCP4 192.0.2.7 198.51.100.1 4000 443\r\n";
    const proxy_header header = read_proxy_header(line + "hello");
    ASSERT_EQ(header.what, state::complete);
    EXPECT_EQ(header.size, line.size());
    EXPECT_EQ(header.facts.version, 1U);
    EXPECT_EQ(header.facts.source.to_string(), "192.0.2.7:4000");
    EXPECT_EQ(header.facts.destination.to_string(), "198.51.100.1:443");
}

TEST(ProxyHeader, OfVersion1MayBeOfIpv6OrUnknown) {
    const proxy_header ipv6 = read_proxy_header("PROXY TCP6 2001:db8::7 2001:db8::1 65535 0\r\n");
    ASSERT_EQ(ipv6.what, state::complete);
    EXPECT_EQ(ipv6.facts.source.to_string(), "[2001:db8::7]:65535");
    for (const char* const line : {"PROXY UNKNOWN\r\n", "PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n"}) {
        const proxy_header unknown = read_proxy_header(line);
        EXPECT_EQ(unknown.what, state::complete) << line;
        EXPECT_FALSE(unknown.facts.source) << line;
    }
}

TEST(ProxyHeader, OfVersion1IsOfOneFormAlone) {
    for (const char* const line :
         {"PROXY TCP4 192.0.2.7 198.51.100.1 4000\r\n", "PROXY TCP4 192.0.2.7 198.51.100.1 4000 443 \r\n",
          "PROXY TCP4 192.0.2.7  198.51.100.1 4000 443\r\n",
          "PROXY TCP4 192.0.2.7 198.51.100.1 4000 65536\r\n",
          "PROXY TCP4 192.0.2.7 198.51.100.1 04000 443\r\n", "PROXY TCP4 192.0.2.7 198.51.100.1 -1 443\r\n",
          "PROXY TCP4 2001:db8::7 198.51.100.1 4000 443\r\n",
          "PROXY TCP6 192.0.2.7 198.51.100.1 4000 443\r\n", "PROXY TCP4 192.0.2 198.51.100.1 4000 443\r\n",
          "PROXY UDP4 192.0.2.7 198.51.100.1 4000 443\r\n", "PROXY \r\n", "PROXX", "GET / HTTP/1.1\r\n",
          "\r\n\r\n\1"})
        EXPECT_EQ(read_proxy_header(line).what, state::malformed) << line;
    EXPECT_EQ(read_proxy_header("PROXY UNKNOWN " + std::string(100, 'x') + "\r\n").what, state::malformed)
        << "too long";
}

TEST(ProxyHeader, OfVersion2TellsTheClientAndMore) {
    const std::string whole =
        with_checksum(tlv(proxy_facts::authority, "sala-3.example") + tlv(proxy_facts::unique_id, "id 1") +
                      tlv(0xE0, std::string(300, 'x')));
    const proxy_header header = read_proxy_header(whole + "hello");
    ASSERT_EQ(header.what, state::complete);
    EXPECT_EQ(header.size, whole.size());
    EXPECT_EQ(header.facts.version, 2U);
    EXPECT_EQ(header.facts.source.to_string(), "192.0.2.7:4000");
    EXPECT_EQ(header.facts.destination.to_string(), "198.51.100.1:443");
    EXPECT_EQ(header.facts.find(proxy_facts::authority), "sala-3.example");
    EXPECT_EQ(header.facts.find(proxy_facts::unique_id), "id 1");
    EXPECT_EQ(header.facts.find(0xE0).value().size(), 300U);
    EXPECT_EQ(header.facts.find(proxy_facts::alpn), std::nullopt);
}

TEST(ProxyHeader, OfVersion2WithAWrongByteIsFoundByItsChecksum) {
    const std::string whole = with_checksum(tlv(proxy_facts::authority, "sala-3.example"));
    for (std::size_t i = 0; i < whole.size(); ++i)
        for (int bit = 0; bit < 8; ++bit) {
            std::string spoiled = whole;
            spoiled[i] = static_cast<char>(spoiled[i] ^ (1 << bit));
            const proxy_header header = read_proxy_header(spoiled);
            const bool says_that_it_is_local = header.what == state::complete && !header.facts.source;
            // A type that is another one is no checksum any more, nor where a length hides it.
            const bool lost_its_checksum =
                header.what == state::complete && !header.facts.find(proxy_facts::crc32c);
            EXPECT_TRUE(header.what != state::complete || says_that_it_is_local || lost_its_checksum)
                << i << ' ' << bit;
        }
}

TEST(ProxyHeader, InPiecesIsIncompleteUntilItsLastByte) {
    for (const std::string& whole :
         {"PROXY TCP4 192.0.2.7 198.51.100.1 4000 443\r\n"s, version_2(), with_checksum("")}) {
        for (std::size_t size = 0; size < whole.size(); ++size)
            EXPECT_EQ(read_proxy_header(whole.substr(0, size)).what, state::incomplete) << size;
        EXPECT_EQ(read_proxy_header(whole).what, state::complete);
    }
}

TEST(ProxyHeader, OfTheProxyItselfIsTakenWhateverElseItSays) {
    const std::string wrong = tlv(proxy_facts::crc32c, "nonsense") + "x";
    const proxy_header header = read_proxy_header(version_2(wrong, '\x20'));
    ASSERT_EQ(header.what, state::complete);
    EXPECT_EQ(header.size, version_2(wrong).size());
    EXPECT_FALSE(header.facts.source);
    EXPECT_EQ(read_proxy_header(signature + "\x20\x00"s + number(0)).what, state::complete);
}

TEST(ProxyHeader, OfVersion2IsRefusedWhereItDoesNotFit) {
    EXPECT_EQ(read_proxy_header(version_2({}, '\x22')).what, state::malformed)
        << "a command that there is not";
    EXPECT_EQ(read_proxy_header(version_2({}, '\x11')).what, state::malformed)
        << "a version that there is not";
    EXPECT_EQ(read_proxy_header(version_2("\x02\x00"s)).what, state::malformed) << "half a TLV";
    EXPECT_EQ(read_proxy_header(version_2("\x02\x00\x05xxxx"s)).what, state::malformed)
        << "a TLV past the end";
    EXPECT_EQ(read_proxy_header(signature + "\x21\x11"s + number(11) + std::string(11, 'x')).what,
              state::malformed);
    EXPECT_EQ(read_proxy_header(version_2(tlv(proxy_facts::crc32c, "xxx"))).what, state::malformed);
}

TEST(ProxyHeader, OfAFamilyThatSaysNothingHereIsPassedOver) {
    for (const char family : {'\x00', '\x12', '\x31', '\x7f'}) {
        const std::string whole = signature + '\x21' + family + number(216) + std::string(216, '\0');
        const proxy_header header = read_proxy_header(whole);
        EXPECT_EQ(header.what, state::complete) << static_cast<int>(family);
        EXPECT_EQ(header.size, whole.size());
        EXPECT_FALSE(header.facts.source);
    }
}

}  // namespace
}  // namespace aperto
