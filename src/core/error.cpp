// SPDX-License-Identifier: MIT
#include "aperto/error.hpp"

#include <cerrno>

namespace aperto {
namespace {

class category final : public std::error_category {
public:
    const char* name() const noexcept override { return "aperto"; }

    std::string message(int code) const override {
        switch (static_cast<errc>(code)) {
        case errc::cancelled:
            return "the wait was cancelled";
        case errc::cut_short:
            return "the other side closed before the message was complete";
        case errc::message_too_large:
            return "the message is larger than the limit";
        case errc::malformed:
            return "it is not of the expected form";
        case errc::name_not_found:
            return "no address is known for this name";
        case errc::name_try_again:
            return "the resolver cannot answer now";
        case errc::refused_by_policy:
            return "a limit or an access list refused it";
        case errc::closed:
            return "the stream is already closed on this side";
        case errc::deadline:
            return "the time for it is over";
        case errc::misuse:
            return "the stream is used twice at once";
        }
        return "unknown";
    }

    std::error_condition default_error_condition(int code) const noexcept override {
        switch (static_cast<errc>(code)) {
        case errc::cancelled:
            return std::errc::operation_canceled;
        case errc::message_too_large:
            return std::errc::message_size;
        case errc::malformed:
            return std::errc::invalid_argument;
        case errc::deadline:
            return std::errc::timed_out;
        default:
            return {code, *this};
        }
    }
};

std::string context(std::string_view tried, std::string_view whom) {
    std::string text = "could not ";
    text += tried;
    if (!whom.empty()) {
        text += ' ';
        text += whom;
    }
    return text;
}

}  // namespace

const std::error_category& aperto_category() noexcept {
    static const category instance;
    return instance;
}

std::error_code make_error_code(errc code) noexcept { return {static_cast<int>(code), aperto_category()}; }

error::error(std::error_code code, std::string_view tried, std::string_view whom, std::string_view advice)
    : std::system_error(code, context(tried, whom)), tried_(tried), whom_(whom), advice_(advice) {}

error::error(errc code, std::string_view tried, std::string_view whom, std::string_view advice)
    : error(make_error_code(code), tried, whom, advice) {}

std::error_code error::code_of(int negative_errno) noexcept {
    if (negative_errno == -ECANCELED) return make_error_code(errc::cancelled);
    return {-negative_errno, std::system_category()};
}

error error::from_result(int negative_errno, std::string_view tried, std::string_view whom,
                         std::string_view advice) {
    return {code_of(negative_errno), tried, whom, advice};
}

}  // namespace aperto
