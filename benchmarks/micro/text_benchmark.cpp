// SPDX-License-Identifier: MIT
//
// Capitals: nanoseconds for short messages, bytes a second for long texts of several scripts, beside ICU
// called plainly.
#include "aperto/text.hpp"

#include <benchmark/benchmark.h>
#include <unicode/ucasemap.h>

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

struct sample {
    const char* name;
    std::string_view text;
};

constexpr sample samples[] = {
    {"ascii",
     "The connection is established by three segments, and each side tells the other how much it can take. "
     "What is lost on the way is sent again, and what arrives is put in order. "},
    {"portuguese",
     "A conexão é estabelecida por três segmentos, e cada lado diz ao outro quanto pode receber. O que se "
     "perde no "
     "caminho é enviado de novo; o que chega é posto em ordem. Não há mágica: há números de sequência, "
     "confirmações "
     "e paciência. “Ação à distância”, dizia o avô — até amanhã! "},
    {"german",
     "Die Straße zur Größe führt über Süßigkeiten: wer fleißig übt, weiß außerdem, daß Öl und Wasser sich "
     "nicht "
     "mischen. "},
    {"polish", "Zażółć gęślą jaźń; połączenie zostało nawiązane, a każdy pakiet dotarł w kolejności. "},
    {"greek",
     "Η σύνδεση εγκαθίσταται με τρία τμήματα και κάθε πλευρά λέει στην άλλη πόσα μπορεί να δεχθεί. Ό,τι "
     "χάνεται "
     "στέλνεται ξανά. "},
    {"cyrillic",
     "Соединение устанавливается тремя сегментами, и каждая сторона сообщает другой, сколько она может "
     "принять. "
     "Потерянное отправляется снова. "},
    {"chinese",
     "连接由三个报文段建立，双方互相告知自己能接收多少数据。丢失的数据会重新发送，到达的数据按顺序排列。"},
    {"vietnamese", "Kết nối được thiết lập bằng ba phân đoạn, và mỗi bên cho biết có thể nhận bao nhiêu. "},
};

std::string repeat(std::string_view text, std::size_t size_min) {
    std::string out;
    while (out.size() < size_min)
        out += text;
    return out;
}

void count_bytes(benchmark::State& state, std::size_t size) {
    state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(size));
}

// One reply made anew for each message, as the message handler of the upper service does it.
void upper_of_text(benchmark::State& state, std::string_view text) {
    for (auto _ : state) {
        std::string upper = aperto::to_upper(text);
        benchmark::DoNotOptimize(upper.data());
    }
    count_bytes(state, text.size());
}

// Replies gathered in one buffer that is used again.
void append_text(benchmark::State& state, std::string_view text) {
    std::string out;
    for (auto _ : state) {
        out.clear();
        aperto::to_upper(text, out);
        benchmark::DoNotOptimize(out.data());
    }
    count_bytes(state, text.size());
}

void stream_text(benchmark::State& state, std::string_view text) {
    std::string out;
    aperto::upper_stream upper;
    for (auto _ : state) {
        out.clear();
        upper.feed(text, out);
        benchmark::DoNotOptimize(out.data());
    }
    count_bytes(state, text.size());
}

void icu_text(benchmark::State& state, std::string_view text) {
    UErrorCode status = U_ZERO_ERROR;
    UCaseMap* const map = ucasemap_open("", 0, &status);
    std::string out(text.size() * 3, '\0');
    for (auto _ : state) {
        const std::int32_t size =
            ucasemap_utf8ToUpper(map, out.data(), static_cast<std::int32_t>(out.size()), text.data(),
                                 static_cast<std::int32_t>(text.size()), &status);
        benchmark::DoNotOptimize(size);
    }
    ucasemap_close(map);
    if (U_FAILURE(status)) state.SkipWithError(u_errorName(status));
    count_bytes(state, text.size());
}

// Benchmarks keep views of their texts; static storage keeps the texts.
std::string_view keep(std::string text) {
    static std::vector<std::unique_ptr<std::string>> kept;
    kept.push_back(std::make_unique<std::string>(std::move(text)));
    return *kept.back();
}

void register_text(const std::string& name, std::string_view text) {
    benchmark::RegisterBenchmark(("upper/" + name).c_str(), upper_of_text, text);
    benchmark::RegisterBenchmark(("append/" + name).c_str(), append_text, text);
    benchmark::RegisterBenchmark(("stream/" + name).c_str(), stream_text, text);
    benchmark::RegisterBenchmark(("icu/" + name).c_str(), icu_text, text);
}

void register_message(const std::string& kind, std::string_view text) {
    register_text(std::to_string(text.size()) + "B_" + kind, text);
}

void register_all() {
    register_message("ascii", "texto original");
    register_message("latin", "olá, maçã ok");
    register_message("ascii", "texto original, e mais um pouco.");
    register_message("ascii", "texto original, e mais um pouco: assim faz sessenta e quatro by.");
    register_message("latin", "a conexão é estabelecida por três segmentos: só isso, não");
    for (const sample& each : samples) {
        register_text(std::string("64K_") + each.name, keep(repeat(each.text, 64 * 1024)));
    }
}

const bool registered = (register_all(), true);

}  // namespace
