// Operators whose indices are data.

#include <algorithm>
#include <cmath>
#include <cstring>

#include "backends/host/ops/strided.h"

namespace jb::host {
namespace {

/// Elements of an index tensor, negative ones counted from the end of `size` elements; refused when
/// they lie outside.
std::vector<std::int64_t> indices_into(const KernelCall& call, std::size_t input,
                                       std::int64_t size) {
  const Tensor& tensor = call.input(input);
  std::vector<std::int64_t> indices(static_cast<std::size_t>(tensor.size()));
  if (tensor.type() == DataType::s64) {
    const auto held = tensor.as<std::int64_t>();
    std::copy(held.begin(), held.end(), indices.begin());
  } else {
    const auto held = tensor.as<std::int32_t>();
    std::copy(held.begin(), held.end(), indices.begin());
  }
  for (std::int64_t& index : indices) {
    if (index < -size || index >= size) {
      call.in.fail("index {} lies outside {} elements", index, size);
    }
    if (index < 0) index += size;
  }
  return indices;
}

Tensor gather(const KernelCall& call) {
  const Tensor& x = call.input(0);
  const AroundAxis around(
      x.dims(), call.in.axis(call.in.axis_attribute(0), static_cast<std::int64_t>(x.rank())));
  const std::vector<std::int64_t> indices = indices_into(call, 1, around.length);
  Tensor y = call.output();
  if (y.size() == 0) return y;
  const auto bytes = around.inner * static_cast<std::int64_t>(bytes_of(x.type()));
  const auto count = static_cast<std::int64_t>(indices.size());
  const char* const from = static_cast<const char*>(x.raw());
  char* const to = static_cast<char*>(y.mutable_raw());
  parallel_for(around.outer * count, row_grain(bytes), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; ++r) {
      const std::int64_t index = indices[static_cast<std::size_t>(r % count)];
      std::memcpy(to + r * bytes, from + (r / count * around.length + index) * bytes,
                  static_cast<std::size_t>(bytes));
    }
  });
  return y;
}

Tensor gather_elements(const KernelCall& call) {
  const Tensor& x = call.input(0);
  const auto axis = static_cast<std::size_t>(
      call.in.axis(call.in.axis_attribute(0), static_cast<std::int64_t>(x.rank())));
  const std::vector<std::int64_t> indices = indices_into(call, 1, x.dims()[axis]);
  Tensor y = call.output();
  const Dims in_strides = dense_strides(x.dims());
  const Dims out_strides = dense_strides(y.dims());
  with_element_size(x.type(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const T* const in = static_cast<const T*>(x.raw());
    T* const out = static_cast<T*>(y.mutable_raw());
    for (std::int64_t o = 0; o < y.size(); ++o) {
      std::int64_t at = 0;
      for (std::size_t d = 0; d < y.rank(); ++d) {
        const std::int64_t i =
            d == axis ? indices[static_cast<std::size_t>(o)] : o / out_strides[d] % y.dims()[d];
        at += i * in_strides[d];
      }
      out[o] = in[at];
    }
  });
  return y;
}

/// Offsets in elements that index tuples (the last dimension of input 1) address in `dims`.
std::vector<std::int64_t> tuple_offsets(const KernelCall& call, const Dims& dims) {
  const Tensor& tensor = call.input(1);
  const std::int64_t length = tensor.dims().back();
  const Dims strides = dense_strides(dims);
  std::vector<std::int64_t> offsets;
  std::int64_t at = 0;
  const auto held = [&](std::int64_t i) {
    return tensor.type() == DataType::s64
               ? tensor.as<std::int64_t>()[static_cast<std::size_t>(i)]
               : std::int64_t{tensor.as<std::int32_t>()[static_cast<std::size_t>(i)]};
  };
  for (std::int64_t i = 0; i < tensor.size(); ++i) {
    const auto d = static_cast<std::size_t>(i % length);
    std::int64_t index = held(i);
    if (index < -dims[d] || index >= dims[d]) {
      call.in.fail("index {} lies outside {} elements", index, dims[d]);
    }
    if (index < 0) index += dims[d];
    at += index * strides[d];
    if (i % length == length - 1) {
      offsets.push_back(at);
      at = 0;
    }
  }
  return offsets;
}

Tensor gather_nd(const KernelCall& call) {
  const Tensor& x = call.input(0);
  const std::int64_t batch = inference::named_integer(call.node(), "batch_dims", 0);
  const Dims addressed(x.dims().begin() + batch, x.dims().end());
  const std::vector<std::int64_t> offsets = tuple_offsets(call, addressed);
  Tensor y = call.output();
  if (y.size() == 0) return y;
  const std::int64_t batches = elements_of(Dims(x.dims().begin(), x.dims().begin() + batch));
  const auto count = static_cast<std::int64_t>(offsets.size());
  const std::int64_t slice = y.size() / count;
  const std::int64_t plane = elements_of(addressed);
  const auto bytes = bytes_of(x.type());
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t from = i / (count / batches) * plane + offsets[static_cast<std::size_t>(i)];
    std::memcpy(static_cast<char*>(y.mutable_raw()) + static_cast<std::size_t>(i * slice) * bytes,
                static_cast<const char*>(x.raw()) + static_cast<std::size_t>(from) * bytes,
                static_cast<std::size_t>(slice) * bytes);
  }
  return y;
}

template <class T>
void combine(const std::string& reduction, const T* from, T* to, std::int64_t count) {
  using U = typename WrapType<T>::type;
  for (std::int64_t i = 0; i < count; ++i) {
    if (reduction == "add") to[i] = static_cast<T>(static_cast<U>(to[i]) + static_cast<U>(from[i]));
    if (reduction == "mul") to[i] = static_cast<T>(static_cast<U>(to[i]) * static_cast<U>(from[i]));
    if (reduction == "max") to[i] = std::max(to[i], from[i]);
    if (reduction == "min") to[i] = std::min(to[i], from[i]);
  }
}

Tensor scatter_nd(const KernelCall& call) {
  Tensor y = call.input(0);
  const Tensor& updates = call.input(2);
  const std::vector<std::int64_t> offsets = tuple_offsets(call, y.dims());
  if (updates.size() == 0) return y;
  const std::int64_t slice = updates.size() / static_cast<std::int64_t>(offsets.size());
  const std::string reduction = inference::named_string(call.node(), "reduction", "none");
  if (reduction == "none") {
    const std::size_t bytes = bytes_of(y.type());
    char* const to = static_cast<char*>(y.mutable_raw());
    const char* const from = static_cast<const char*>(updates.raw());
    for (std::size_t i = 0; i < offsets.size(); ++i) {
      std::memcpy(to + static_cast<std::size_t>(offsets[i]) * bytes,
                  from + i * static_cast<std::size_t>(slice) * bytes,
                  static_cast<std::size_t>(slice) * bytes);
    }
    return y;
  }
  with_number_type(y.type(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    T* const to = y.as_mutable<T>().data();
    const T* const from = updates.as<T>().data();
    for (std::size_t i = 0; i < offsets.size(); ++i) {
      combine(reduction, from + static_cast<std::int64_t>(i) * slice, to + offsets[i], slice);
    }
  });
  return y;
}

Tensor shape_of(const KernelCall& call) {
  const auto& attributes = call.node().get<ShapeAttributes>();
  const auto rank = static_cast<std::int64_t>(call.input(0).rank());
  const std::int64_t start = attributes.start < 0 ? attributes.start + rank : attributes.start;
  Tensor y = call.output();
  const Dims& dims = call.input(0).dims();
  const auto out = y.as_mutable<std::int64_t>();
  for (std::size_t i = 0; i < out.size(); ++i) {
    out[i] = dims[static_cast<std::size_t>(std::clamp<std::int64_t>(start, 0, rank)) + i];
  }
  return y;
}

Tensor constant_of_shape(const KernelCall& call) {
  const Tensor& value = call.node().get<ConstantOfShapeAttributes>().value;
  Tensor y = call.output();
  if (value.raw() == nullptr || y.size() == 0) return y;
  copy_strided(value, 0, y.dims(), Dims(y.rank(), 0), y);
  return y;
}

Tensor range(const KernelCall& call) {
  Tensor y = call.output();
  with_number_type(y.type(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    using U = typename WrapType<T>::type;
    const T start = call.input(0).as<T>()[0];
    const T delta = call.input(2).as<T>()[0];
    const auto out = y.as_mutable<T>();
    for (std::size_t i = 0; i < out.size(); ++i) {
      out[i] = static_cast<T>(static_cast<U>(start) + static_cast<U>(i) * static_cast<U>(delta));
    }
  });
  return y;
}

Tensor one_hot(const KernelCall& call) {
  Tensor y = call.output();
  const std::vector<double> indices = inference::as_doubles(call.input(0));
  const std::int64_t axis =
      call.in.axis(call.in.axis_attribute(-1), static_cast<std::int64_t>(y.rank()));
  const AroundAxis around(y.dims(), axis);
  with_element_size(y.type(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const T* const values = static_cast<const T*>(call.input(2).raw());
    T* const out = static_cast<T*>(y.mutable_raw());
    std::fill(out, out + y.size(), values[0]);
    const auto depth = static_cast<double>(around.length);
    for (std::size_t i = 0; i < indices.size(); ++i) {
      if (!(indices[i] >= -depth && indices[i] < depth)) continue;  // outside: all off
      const double index = std::floor(indices[i]);
      const auto at = static_cast<std::int64_t>(index < 0 ? index + depth : index);
      const auto row = static_cast<std::int64_t>(i);
      out[(row / around.inner * around.length + at) * around.inner + row % around.inner] =
          values[1];
    }
  });
  return y;
}

Tensor embedding_bag(const KernelCall& call) {
  const Tensor& table = call.input(0);
  const std::int64_t width = table.dims()[1];
  const std::int64_t lookups = call.input(1).dims()[1];
  const std::vector<std::int64_t> indices = indices_into(call, 1, table.dims()[0]);
  Tensor y = call.output();
  with_float_type(table.type(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const T* const rows = table.as<T>().data();
    T* const out = y.as_mutable<T>().data();
    parallel_for(y.dims()[0], row_grain(width * (lookups + 1)),
                 [&](std::int64_t begin, std::int64_t end) {
                   for (std::int64_t r = begin; r < end; ++r) {
                     for (std::int64_t l = 0; l < lookups; ++l) {
                       const T* const row =
                           rows + indices[static_cast<std::size_t>(r * lookups + l)] * width;
                       for (std::int64_t i = 0; i < width; ++i) out[r * width + i] += row[i];
                     }
                   }
                 });
  });
  return y;
}

}  // namespace

Results run_indexing(const KernelCall& call) {
  switch (call.op()) {
    case Op::gather:
      return {gather(call)};
    case Op::gather_elements:
      return {gather_elements(call)};
    case Op::gather_nd:
      return {gather_nd(call)};
    case Op::scatter_nd:
      return {scatter_nd(call)};
    case Op::shape_of:
      return {shape_of(call)};
    case Op::size_of: {
      const std::int64_t size = call.input(0).size();
      return {Tensor::of<std::int64_t>({}, {&size, 1})};
    }
    case Op::constant_of_shape:
      return {constant_of_shape(call)};
    case Op::range:
      return {range(call)};
    case Op::one_hot:
      return {one_hot(call)};
    default:
      return {embedding_bag(call)};
  }
}

}  // namespace jb::host
