//! Words that stand before and after the names of places. Phrases in small letters, parted by semicolons.

/// Organs of a unit of any level.
pub(super) const AUTHORITIES: &str = "\
    đảng bộ; chính quyền; ubnd; hđnd; mttq; ubmttq; ubmttq việt nam; mttq việt nam; ủy ban mttq; ủy ban mttq việt nam; \
    ủy ban nhân dân; hội đồng nhân dân; mặt trận tổ quốc; mặt trận tổ quốc việt nam; ủy ban mặt trận tổ quốc; ủy ban \
    mặt trận tổ quốc việt nam; công an; cảnh sát; ban chqs; bộ chqs; ban chỉ huy quân sự; bộ chỉ huy quân sự; bộ đội \
    biên phòng; bđbp; bộ chỉ huy bộ đội biên phòng; bộ chỉ huy bđbp; viện ksnd; vksnd; viện kiểm sát nhân dân; viện \
    kiểm sát; tòa án nhân dân; tòa án; tand; thanh tra; cục thuế; chi cục thuế; cục hải quan; cục thống kê; đoàn đbqh; \
    đoàn đại biểu quốc hội; đoàn đại biểu; ban quản lý; ubkt; lãnh đạo";

/// Offices: what they do stands between them and the unit.
pub(super) const OFFICES: &str = "\
    sở; cục; chi cục; phòng; kho bạc; ban; văn phòng; hạt kiểm lâm; trạm y tế; thuế";

/// Between a kind and a name.
pub(super) const ADJECTIVES: &str = "\
    miền núi; vùng cao; vùng sâu; vùng xa; vùng biên; biên giới; ven biển; ven đô; ngoại thành; nội thành; trung du; \
    đồng bằng; anh hùng; nghèo; trẻ; mới; kết nghĩa; du lịch; công nghiệp; đặc biệt khó khăn; thuần nông; lân cận; \
    giáp ranh; nông thôn mới; ntm; đảo; cảng; biển; ngã ba sông; quê hương; quê lúa; bạn; láng giềng; trọng điểm; vùng \
    lũ; ven sông; đô thị; cao nguyên; phía bắc; phía nam; mang tên bác";

/// Before a name: where, from where, to where; who lives there.
pub(super) const PLACES: &str = "\
    từ; về; đến; tới; lên; xuống; qua; sang; vào; ra; quê; quê ở; người; dân; nhân dân; người dân; bà con; đất; vùng; \
    vùng đất; miền; miền đất; địa bàn; khu vực; trung tâm; ngoại ô; nội thành; gần; khắp; quanh; toàn; thăm; rời; \
    giáp; đi; ngã ba; cửa ngõ; trên đất; trên địa bàn; ngược; xuôi; phía; quân và dân; cử tri; nông dân; đồng bào; \
    đảng viên; cán bộ; thanh niên; phụ nữ; tuổi trẻ; quê hương; mảnh đất; qua địa bàn; trở lại; quay lại; trở về; \
    hướng về; lãnh thổ; cách; ghé; giữa; nối; kết nối; nối liền; bên; tận; hạ lưu; thượng nguồn; ngoài; khỏi; trước \
    cửa; theo hướng; đoạn; miền núi; vùng núi; trung du; đồng bằng; huyện lỵ; đầu cầu; điểm cầu; chân đất; tỉnh nhà; \
    đất tổ; vùng đất tổ; quê hương đất tổ; miệt";

/// A phrase about an organisation or a thing ends here, so that what follows is no part of its name.
pub(super) const STOPS: &str = "\
    trên; cho; đã; được; sẽ; đang; có; theo; khi; mà; nên; để; do; bởi; này; đó; kia; ấy; ngày; vừa; mới đây; thì; \
    cũng; không; nhờ; giúp; đưa; bán; chọn; đóng; làm; khám phá; tham quan; yêu; tổ chức; một; phối hợp; phối hợp với; \
    đầu tư; xây dựng; ủng hộ; hỗ trợ; tặng; mang; nếu; rồi; còn; riêng; vì; tuy; dù; nhưng; song; hôm nay; sau; trước; \
    bên cạnh; cùng lúc; mỗi; từng; chỉ; vẫn; lại; rất; đều; phải; cần; sau khi; vừa qua; mới; tháng";

/// What numbers after a kind may count.
pub(super) const COUNTED: &str = "\
    năm; tháng; ngày; tuần; giờ; người; hộ; đơn vị; lần; tỷ; triệu; nghìn; ha; km; m; mét; thôn; khu; xã; phường; học \
    sinh; đồng chí; đảng viên; tiêu chí; dự án; mô hình; điểm; trường; công trình; tổ; gia đình; cơ sở; doanh nghiệp; \
    trường hợp; ca; vụ; giải";

/// Phrases with a word in them that means something else alone.
pub(super) const PLAIN: &str = "\
    xã hội; làng xã; thị trường; môi trường; công trường; hội trường; lập trường; trường hợp; đội ngũ; nhu cầu; yêu \
    cầu; đường lối; đường dây; báo cáo; báo chí; báo động; hồ sơ; cam kết; cá nhân; bản thân; cơ bản; văn bản; nhà \
    nước; nhà ở; tổ quốc; tổ chức đảng; trung tâm chính trị; con người; con số; quê nhà; trạng thái; tình trạng; tác \
    động; hoạt động; lao động; vận động; chủ động; người lao động; phường hội; liên xã; tỉnh lỵ; tỉnh lị; quận công; \
    bệnh xã; trạm xá; hành chính; xã tắc; xã luận; tỉnh táo; bình tĩnh; cầu thủ trẻ; sở hữu; cơ sở; trụ sở; ban hành; \
    ban đầu; phòng chống; phòng ngừa; quốc phòng; phòng, chống; thanh niên việt nam; chợ búa; đất nước; rừng phòng hộ; \
    hai bên; xã viên; trong đó; ngoài ra; trước mắt; sau này; năm nay; đào tạo; bản sắc; bản đồ; bản tin; bản lĩnh; \
    bản quyền; đền bù; đền ơn; toàn cầu; cầu lông; cung cầu; giải quyết; giải phóng; giải pháp; giải trình; giải đáp; \
    giải ngân; giải tỏa; lý giải; hòa giải; trao giải; mặt trận; tập quán; trang trại; trang thiết bị; trang bị; khoa \
    học; hoa màu; bò sữa; tổ công tác; tổ tự quản; đường bộ; đường thủy; sân khấu; trận địa; đảo chính; biển báo; khu \
    dân cư mới; phố phường; cá thể; vải thiều; hội nghị";
