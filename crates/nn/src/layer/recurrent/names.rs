//! PyTorch's names for the weights of several layers and directions.

/// PyTorch's name for a parameter of a recurrent module, for [`Safetensors::rename`](crate::persist::Safetensors::rename).
/// In PyTorch the layer and the direction are in the last part. Other names do not change.
///
/// ```
/// use nn::torch_name;
/// assert_eq!(torch_name("encoder.1.backward.weight_ih"), "encoder.weight_ih_l1_reverse"); // Vec<Bidirectional<_>>
/// assert_eq!(torch_name("encoder.0.bias_hh"), "encoder.bias_hh_l0"); // Vec<_>
/// assert_eq!(torch_name("weight_hh"), "weight_hh_l0"); // one layer alone
/// assert_eq!(torch_name("head.weight"), "head.weight");
/// ```
pub fn torch_name(name: &str) -> String {
    let mut parts: Vec<&str> = name.split('.').collect();
    let Some(param @ ("weight_ih" | "weight_hh" | "bias_ih" | "bias_hh")) = parts.pop() else { return name.to_owned() };
    let end = match parts.pop_if(|part| matches!(*part, "forward" | "backward")) {
        Some("backward") => "_reverse",
        _ => "",
    };
    let layer = parts.pop_if(|part| part.parse::<usize>().is_ok()).unwrap_or("0");
    let last = format!("{param}_l{layer}{end}");
    parts.push(&last);
    parts.join(".")
}
