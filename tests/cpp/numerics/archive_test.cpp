// Bytes written and read by one Visit: what comes back, and what damaged bytes must not do.
#include "archive.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

namespace rqvae {
namespace {

enum class Colour : uint8_t { kRed, kGreen };

struct State {
  bool flag = false;
  int32_t small = 0;
  int64_t large = 0;
  uint64_t hash = 0;
  Index index = 0;
  float single = 0;
  double precise = 0;
  Colour colour = Colour::kRed;
  Vector vector;
  std::vector<double> doubles;
  std::vector<Index> indices;
  std::vector<std::vector<float>> nested;
  std::vector<Vector> vectors;

  void Visit(Archive& archive) {
    archive.Visit(flag);
    archive.Visit(small);
    archive.Visit(large);
    archive.Visit(hash);
    archive.Visit(index);
    archive.Visit(single);
    archive.Visit(precise);
    archive.Visit(colour);
    archive.Visit(vector);
    archive.Visit(doubles);
    archive.Visit(indices);
    archive.Visit(nested);
    archive.Visit(vectors);
  }
};

State Full() {
  State s;
  s.flag = true;
  s.small = -7;
  s.large = std::numeric_limits<int64_t>::min();
  s.hash = UINT64_MAX;
  s.index = -123456;
  s.single = -0.0f;
  s.precise = std::numeric_limits<double>::quiet_NaN();
  s.colour = Colour::kGreen;
  s.vector = Vector::LinSpaced(5, -1, 1);
  s.doubles = {0.1, std::numeric_limits<double>::infinity(), 1e-310};
  s.indices = {3, -1};
  s.nested = {{1.0f}, {}, {2.0f, 3.0f}};
  s.vectors = {Vector(), Vector::Constant(2, 4.0f)};
  return s;
}

std::vector<uint8_t> Write(State state) {
  Archive archive;
  EXPECT_FALSE(archive.reading());
  state.Visit(archive);
  return archive.bytes();
}

TEST(Archive, ReadsWhatItWrote) {
  const State before = Full();
  const std::vector<uint8_t> bytes = Write(before);
  State after;
  after.doubles = {9, 9, 9, 9, 9, 9};  // what is there goes
  after.vector = Vector::Ones(11);
  Archive archive(bytes.data(), bytes.size());
  EXPECT_TRUE(archive.reading());
  after.Visit(archive);
  EXPECT_TRUE(archive.at_end());
  EXPECT_EQ(after.flag, before.flag);
  EXPECT_EQ(after.small, before.small);
  EXPECT_EQ(after.large, before.large);
  EXPECT_EQ(after.hash, before.hash);
  EXPECT_EQ(after.index, before.index);
  EXPECT_TRUE(std::signbit(after.single));
  EXPECT_TRUE(std::isnan(after.precise));
  EXPECT_EQ(after.colour, before.colour);
  EXPECT_EQ(after.vector, before.vector);
  EXPECT_EQ(after.doubles, before.doubles);
  EXPECT_EQ(after.indices, before.indices);
  EXPECT_EQ(after.nested, before.nested);
  ASSERT_EQ(after.vectors.size(), 2u);
  EXPECT_EQ(after.vectors[0].size(), 0);
  EXPECT_EQ(after.vectors[1], before.vectors[1]);
  EXPECT_EQ(Write(after), bytes);

  // And nothing from nothing.
  const std::vector<uint8_t> empty = Write(State());
  Archive small(empty.data(), empty.size());
  after.Visit(small);
  EXPECT_TRUE(small.at_end());
  EXPECT_EQ(after.vector.size(), 0);
  EXPECT_TRUE(after.nested.empty());
}

// Numbers have one width in the file whatever Index is: a checkpoint of a browser goes on in a native run.
TEST(Archive, WritesIndicesIn64BitsLittleEndian) {
  Archive archive;
  Index index = -2;
  archive.Visit(index);
  std::vector<Index> indices = {1};
  archive.Visit(indices);
  EXPECT_EQ(archive.bytes(), (std::vector<uint8_t>{0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,  //
                                                   1,    0,    0,    0,    0,    0,    0,    0,     //
                                                   1,    0,    0,    0,    0,    0,    0,    0}));
}

::testing::AssertionResult Refused(const uint8_t* bytes, size_t size) {
  State state;
  Archive archive(bytes, size);
  try {
    state.Visit(archive);
  } catch (const Error& e) {
    if (e.kind() == ErrorKind::kInvalidInput) return ::testing::AssertionSuccess();
    return ::testing::AssertionFailure() << "another kind of error";
  }
  return ::testing::AssertionFailure() << "read " << size << " bytes";
}

TEST(Archive, RefusesBytesCutOffAnywhere) {
  const std::vector<uint8_t> bytes = Write(Full());
  ASSERT_GT(bytes.size(), 100u);
  for (size_t size = 0; size < bytes.size(); ++size) {
    // A copy of its own, so that a read past the end is one past an allocation.
    const std::vector<uint8_t> cut(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size));
    EXPECT_TRUE(Refused(cut.data(), cut.size()));
  }
}

TEST(Archive, SeesBytesThatAreLeftOver) {
  std::vector<uint8_t> bytes = Write(Full());
  bytes.push_back(0);
  State state;
  Archive archive(bytes.data(), bytes.size());
  state.Visit(archive);
  EXPECT_FALSE(archive.at_end());
}

// A size that the bytes cannot hold is refused before anything of that size is allocated.
TEST(Archive, RefusesAbsurdSizesWithoutAllocating) {
  for (const int64_t size : {int64_t{4}, int64_t{1} << 20, int64_t{1} << 33, int64_t{1} << 60, int64_t{-1},
                             std::numeric_limits<int64_t>::max(), std::numeric_limits<int64_t>::min()}) {
    Archive writer;
    int64_t count = size;
    writer.Visit(count);
    float filler[3] = {1, 2, 3};
    for (float& f : filler) writer.Visit(f);
    const std::vector<uint8_t> bytes = writer.bytes();
    auto refused = [&](auto values) {
      Archive archive(bytes.data(), bytes.size());
      try {
        archive.Visit(values);
      } catch (const Error& e) {
        return e.kind() == ErrorKind::kInvalidInput && static_cast<int64_t>(values.size()) <= 12;
      }
      return false;
    };
    EXPECT_TRUE(refused(Vector())) << size;
    EXPECT_TRUE(refused(std::vector<double>())) << size;
    EXPECT_TRUE(refused(std::vector<Vector>())) << size;
    EXPECT_TRUE(refused(std::vector<std::vector<float>>())) << size;
  }
}

// A bool is a 0 or a 1; anything else would be undefined behaviour wherever it is looked at.
TEST(Archive, RefusesABoolThatIsNone) {
  for (int byte = 0; byte < 256; ++byte) {
    const auto bytes = static_cast<uint8_t>(byte);
    Archive archive(&bytes, 1);
    bool flag = false;
    if (byte < 2) {
      archive.Visit(flag);
      EXPECT_EQ(flag, byte == 1);
    } else {
      EXPECT_THROW(archive.Visit(flag), Error) << byte;
    }
  }
}

}  // namespace
}  // namespace rqvae
