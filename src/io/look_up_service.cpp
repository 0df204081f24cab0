// SPDX-License-Identifier: MIT
// A service's hosts by its SRV records, RFC 2782, asked of the name service with resolver(3).
#include "aperto/backend.hpp"
#include "aperto/error.hpp"
#include "core/log_safe.hpp"
#include "io/look_up.hpp"

#include <arpa/nameser.h>
#include <netdb.h>
#include <resolv.h>

#include <algorithm>
#include <array>

namespace aperto {
namespace {

constexpr std::string_view tried = "find the hosts of";

/// Of this thread and this question alone.
class resolver {
public:
    resolver() {
        if (res_ninit(&state_) != 0) throw error(errc::name_try_again, tried, "a service");
    }
    ~resolver() { res_nclose(&state_); }
    resolver(const resolver&) = delete;
    resolver& operator=(const resolver&) = delete;

    /// The bytes of the answer.
    int ask(const std::string& name, unsigned char* into, int size) {
        const int length = res_nquery(&state_, name.c_str(), ns_c_in, ns_t_srv, into, size);
        if (length >= 0) return std::min(length, size);
        const std::string whom = log_safe(name);
        if (state_.res_h_errno == TRY_AGAIN || state_.res_h_errno == NETDB_INTERNAL)
            throw error(errc::name_try_again, tried, whom,
                        "The name service does not answer. Is this machine connected?");
        throw error(errc::name_not_found, tried, whom, "The name service has no SRV record of that name.");
    }

private:
    struct __res_state state_{};
};

/// An answer of the name service, RFC 1035, 4.1: read once from its beginning to its end. Whatever lacks a byte throws.
class answer_reader {
public:
    explicit answer_reader(std::span<const unsigned char> bytes) : bytes_(bytes) {}

    std::uint16_t number() {
        const auto two = take(2);
        return static_cast<std::uint16_t>(two[0] << 8 | two[1]);
    }
    std::span<const unsigned char> take(std::size_t count) {
        if (count > bytes_.size() - at_)
            throw error(errc::name_try_again, tried, "a service", "The answer is broken.");
        at_ += count;
        return bytes_.subspan(at_ - count, count);
    }
    /// A name, which may refer back to what stands before it.
    std::string name() {
        std::array<char, MAXDNAME> text{};
        const unsigned char* const begin = bytes_.data();
        const int length = dn_expand(begin, begin + bytes_.size(), begin + at_, text.data(), text.size());
        take(length < 0 ? bytes_.size() + 1 : static_cast<std::size_t>(length));
        return text.data();
    }
    std::size_t at() const noexcept { return at_; }

private:
    std::span<const unsigned char> bytes_;
    std::size_t at_ = 0;
};

}  // namespace

std::vector<service_record> io::parse_services(std::span<const unsigned char> answer) {
    answer_reader from(answer);
    from.take(4);  // the number of the question, and the flags
    const std::uint16_t questions = from.number();
    const std::uint16_t answers = from.number();
    from.take(4);  // what else there may be
    for (std::uint16_t i = 0; i < questions; ++i) {
        from.name();
        from.take(4);
    }
    std::vector<service_record> records;
    for (std::uint16_t i = 0; i < answers; ++i) {
        from.name();
        const std::uint16_t type = from.number();
        from.take(6);  // class, time to live
        const std::size_t length = from.number();
        const std::size_t end = from.at() + length;
        if (type == ns_t_srv) {
            const std::uint16_t priority = from.number();
            const std::uint16_t weight = from.number();
            const std::uint16_t port = from.number();
            records.push_back({host_port(from.name(), port), priority, weight});
        }
        from.take(end - from.at());
    }
    return records;
}

std::vector<service_record> io::look_up_service(const std::string& name) {
    if (name.find('\0') != std::string::npos)
        throw error(errc::malformed, tried, log_safe(name), "No service's name has a NUL in it.");
    std::vector<unsigned char> bytes(NS_MAXMSG);
    const int length = resolver().ask(name, bytes.data(), static_cast<int>(bytes.size()));
    bytes.resize(static_cast<std::size_t>(length));
    return parse_services(bytes);
}

std::vector<service_record> backend::look_up_service(const std::string& name) {
    return io::look_up_service(name);
}

}  // namespace aperto
